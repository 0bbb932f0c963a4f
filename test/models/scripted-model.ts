import { FAMILIES, type Family } from './families.ts'
import { SILENT } from './language.ts'
import { templateOf } from './templates.ts'
import { vocabularyOf, writePair, type TinyModel } from './tiny-model.ts'
import { NORMAL, tokenize, type Vocabulary } from './tokenizer.ts'
import { toTensor, type Plan } from './weights.ts'

/** One answer of a scripted model. */
export interface Script {
  /** The end of the prompt that the answer follows. Only its last token counts; it can be a special token. */
  after: string
  /**
   * May contain special tokens, as in `The circle is red.\n</think>\n\nRed.`, each once in all scripts. The tags of
   * tool calls may occur again: after the first time they are ordinary tokens of the same text.
   */
  say: string
  /** After the answer: the end of the turn by default, or the answer again and again. */
  then?: 'end' | 'repeat'
}

export interface ScriptedModelOptions {
  family: Family
  scripts: Script[]
  /** Chat template; that of the family's real models by default. */
  template?: string
}

/** The end of a prompt with Qwen3.5's template, for `Script.after`. */
export const WITH_THOUGHTS = '<think>\n'
export const WITHOUT_THOUGHTS = '</think>\n\n'
/** The same with templates that do not think. */
export const PLAIN = 'assistant\n'

const LAYERS = 4
const CALL_TAGS = ['<tool_call>', '</tool_call>']
/**
 * Embeddings are random signs, so the score of a token's successor is their number, and others score less than a half
 * of it. The end of the turn always has this share, so that it follows where no script continues.
 */
const END_SCORE = 0.6

/**
 * Writes a model whose greedy answers are given. Its layers add nothing, so the next token depends on the last one
 * alone: the output row of each token of a script is the embedding of its predecessor. It runs through the real
 * engine, template, tokenizer and grammar, and does not see images.
 *
 * A token that would need two successors is joined with its neighbours to a longer token, so an answer may repeat its
 * words. In the history of a conversation the tokenizer does not use the longer tokens, so prefix reuse ends at the
 * first one.
 *
 * @throws Error when two scripts follow the same token, or need the same special token
 * @example
 * const { model, mmproj } = await writeScriptedModel(t.testdir(), {
 *   family: 'qwen3.5', scripts: [{ after: WITHOUT_THOUGHTS, say: 'A red circle.' }]
 * })
 */
export async function writeScriptedModel (
  dir: string, { family, scripts, template }: ScriptedModelOptions
): Promise<TinyModel> {
  const { language: { width } } = FAMILIES[family]
  const { vocabulary, successors } = toChains(await vocabularyOf(family), scripts)
  const name = `scripted-${family}`
  return writePair(dir, { family, name, layers: LAYERS, type: 'F32', seed: 1 }, {
    vocabulary,
    template: template ?? await templateOf(family),
    blocks: SILENT,
    embeddings: toTensor(embeddingPlan(vocabulary, width), 'F32', 1),
    output: toTensor(outputPlan(vocabulary, successors, width), 'F32', 1)
  })
}

/** The token that follows each token, by ids. */
type Successors = Map<number, number>

/**
 * Converts scripts to chains of tokens, in which each token occurs once. Joined tokens are added to the vocabulary. The
 * tokenizer does not use them, because no merge leads to them.
 */
function toChains (vocabulary: Vocabulary, scripts: Script[]): { vocabulary: Vocabulary, successors: Successors } {
  const used = new Set<string>()
  const keys = scripts.map(({ after }) => {
    const last = tokenize(vocabulary, after).at(-1)
    if (last === undefined) throw new Error('A script follows nothing')
    const key = vocabulary.tokens[last]!
    if (used.has(key)) throw new Error(`Two scripts follow the token ${nameOf(key)}`)
    used.add(key)
    return key
  })
  const said = scripts.map(({ say }) => chainOf(vocabulary, say, used))

  const ids = new Map(vocabulary.tokens.map((token, id) => [token, id]))
  const added = said.flat().filter(token => !ids.has(token))
  for (const token of added) ids.set(token, ids.size)
  const successors: Successors = new Map()
  for (const [index, chain] of said.entries()) {
    const tokens = [keys[index]!, ...chain].map(token => ids.get(token)!)
    for (const [place, token] of tokens.slice(1).entries()) successors.set(tokens[place]!, token)
    successors.set(tokens.at(-1)!, scripts[index]!.then === 'repeat' ? tokens[1]! : vocabulary.turnEnd)
  }
  return {
    vocabulary: {
      ...vocabulary,
      tokens: [...vocabulary.tokens, ...added],
      types: [...vocabulary.types, ...added.map(() => NORMAL)]
    },
    successors
  }
}

/**
 * Splits a text into tokens that are not used yet, and marks them as used. A used token is joined with the next ones,
 * or with the previous ones if a special token or the end follows.
 */
function chainOf (vocabulary: Vocabulary, text: string, used: Set<string>): string[] {
  const tokens = withOrdinaryTags(vocabulary, tokenize(vocabulary, text), used)
  if (tokens.length === 0) throw new Error('A script says nothing')
  const isNormal = (id: number | undefined) => id !== undefined && vocabulary.types[id] === NORMAL
  const special = new Set(vocabulary.tokens.filter((_, id) => !isNormal(id)))
  const chain: string[] = []
  for (let at = 0; at < tokens.length;) {
    const first = tokens[at++]!
    let token = vocabulary.tokens[first]!
    if (isNormal(first)) {
      while (used.has(token) && isNormal(tokens[at])) token += vocabulary.tokens[tokens[at++]!]!
      while (used.has(token) && chain.length > 0 && !special.has(chain.at(-1)!)) {
        const previous = chain.pop()!
        used.delete(previous)
        token = previous + token
      }
    }
    if (used.has(token)) throw new Error(`The token ${nameOf(token)} would need two successors`)
    used.add(token)
    chain.push(token)
  }
  return chain
}

/** Replaces the tags of tool calls, except unused ones, by ordinary tokens of the same text. */
function withOrdinaryTags (vocabulary: Vocabulary, tokens: number[], used: ReadonlySet<string>): number[] {
  const ordinary = { ...vocabulary, types: vocabulary.types.map(() => NORMAL) }
  const seen = new Set(used)
  return tokens.flatMap(token => {
    const tag = vocabulary.tokens[token]!
    if (!CALL_TAGS.includes(tag)) return [token]
    if (seen.has(tag)) return tokenize(ordinary, tag)
    seen.add(tag)
    return [token]
  })
}

function nameOf (token: string): string {
  return JSON.stringify(token.replaceAll('Ċ', '\n').replaceAll('Ġ', ' '))
}

/** A sign for each token and place, the same in both matrices. The sign at place 0 is positive for all tokens. */
function signOf (token: number, place: number): number {
  if (place === 0) return 1
  let hash = Math.imul(token + 1, 0x9e3779b1) ^ Math.imul(place, 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
  hash = Math.imul(hash ^ (hash >>> 12), 0x297a2d39)
  return (hash ^ (hash >>> 15)) & 1 ? 1 : -1
}

function embeddingPlan ({ tokens }: Vocabulary, width: number): Plan {
  return {
    name: 'token_embd.weight',
    shape: [width, tokens.length],
    draw: (_, index) => signOf(Math.floor(index / width), index % width)
  }
}

function outputPlan ({ tokens, turnEnd }: Vocabulary, successors: Successors, width: number): Plan {
  const predecessors = new Map<number, number[]>()
  for (const [token, next] of successors) predecessors.set(next, [...predecessors.get(next) ?? [], token])
  return {
    name: 'output.weight',
    shape: [width, tokens.length],
    draw: (_, index) => {
      const place = index % width
      const token = Math.floor(index / width)
      if (token === turnEnd) return place === 0 ? END_SCORE * width : 0
      return (predecessors.get(token) ?? []).reduce((sum, previous) => sum + signOf(previous, place), 0)
    }
  }
}
