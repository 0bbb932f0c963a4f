import { randomBytes } from 'node:crypto'
import type { LlamaModel, Token } from 'node-llama-cpp'
import type { Tool, ToolSyntax, Turn } from '../engine.ts'
import { WorkerFailure } from './failure.ts'
import { toFunctionTools, toMessages } from './prompt/messages.ts'
import { SpecialTokens } from './prompt/special-tokens.ts'
import { ChatTemplate } from './prompt/template.ts'
import { findThoughtSyntax, type ThoughtSyntax } from './prompt/thought-syntax.ts'
import { findToolSyntax } from './prompt/tool-syntax.ts'

/** A run of tokens, or an image by its index in the request. */
export type Segment = { type: 'text', tokens: Token[] } | { type: 'image', image: number }

export interface PromptRenderer {
  /**
   * Renders a conversation with the model's own chat template, up to the beginning of the assistant's answer.
   *
   * Only the template's text can become special tokens: an `<|im_end|>` or a `<think>` that a client sends remains
   * text, except that thoughts are removed from earlier answers. Apart from that, the tokens equal those of llama.cpp
   * for the rendered template.
   * @param tools must be empty if `toolSyntax` is null
   * @param thinks the answer begins with thoughts; without effect on a model that always or never thinks
   * @throws WorkerFailure PROMPT_REFUSED with the template's sentence when it refuses the conversation
   */
  render (turns: Turn[], tools: Tool[], thinks?: boolean): Segment[]
  /** The token that begins a turn; null if turns do not begin with a special token. */
  turnStart: Token | null
  /** The format of tool calls; null if the template does not support tools, or in a format that cannot be read. */
  toolSyntax: ToolSyntax | null
  /** Null if the vocabulary has no tokens for thoughts. */
  thoughts: ThoughtSyntax | null
}

/** Number of inspected conversations to keep until they are answered. Some are never answered. */
const MAX_REMEMBERED = 16

/** Renders a conversation once for its two uses: `inspect`, when the request is planned, and `generate`. */
export class RenderedPrompts {
  readonly #render: PromptRenderer['render']
  /** The oldest first. */
  #segments = new Map<string, Segment[]>()

  constructor (render: PromptRenderer['render']) {
    this.#render = render
  }

  /** Renders a conversation and keeps the result for `take`. */
  render (turns: Turn[], tools: Tool[], thinks: boolean): Segment[] {
    const segments = this.#render(turns, tools, thinks)
    this.#segments.set(JSON.stringify([turns, tools, thinks]), segments)
    const [oldest] = this.#segments.keys()
    if (this.#segments.size > MAX_REMEMBERED) this.#segments.delete(oldest!)
    return segments
  }

  /** Returns and removes the kept result, or renders. */
  take (turns: Turn[], tools: Tool[], thinks: boolean): Segment[] {
    const key = JSON.stringify([turns, tools, thinks])
    const segments = this.#segments.get(key) ?? this.#render(turns, tools, thinks)
    this.#segments.delete(key)
    return segments
  }
}

/** Maximum length of a template's sentence for clients, in characters. */
const MAX_SENTENCE = 300

/**
 * @param seesImages requires the vision tokens of the Qwen-VL family
 * @throws Error with a sentence for the operator when the model has no chat template, has one that fails, or lacks
 *   required vision tokens
 */
export function createPromptRenderer (model: LlamaModel, seesImages: boolean): PromptRenderer {
  const template = loadTemplate(model)
  const specials = new SpecialTokens(model)
  const vision = seesImages ? visionTokens(specials) : null
  const thoughts = findThoughtSyntax(template, specials)
  const start = specials.split(template.answerStart(false))[0]

  function render (turns: Turn[], tools: Tool[], thinks = false): Segment[] {
    // The marks are random for each call, so a client cannot send them.
    const marks = { token: createMark(), image: createMark() }
    const writer = {
      text: (text: string) => specials.mask(text, marks.token),
      image: (index: number) => `${marks.image}${index};`,
      thinks: thoughts !== null
    }
    let prompt
    try {
      prompt = template.render(
        toMessages(turns, template.traits, writer), toFunctionTools(tools, writer), { thinks }
      )
    } catch (error) {
      // The sentence of a template can quote the conversation.
      const sentence = (error as Error).message.replaceAll(marks.token, '').replaceAll(marks.image, '')
      throw new WorkerFailure({ code: 'PROMPT_REFUSED', args: [sentence.slice(0, MAX_SENTENCE)] })
    }
    const segments = toSegments(prompt, marks)
    return thinks && thoughts ? withOpening(segments, thoughts.opening) : segments
  }

  function toSegments (prompt: string, marks: Marks): Segment[] {
    const [first, ...rest] = prompt.split(marks.image)
    const segments: Segment[] = []
    let tokens = tokensOf(first!, marks)
    for (const chunk of rest) {
      const end = chunk.indexOf(';')
      const text = tokensOf(chunk.slice(end + 1), marks)
      if (vision === null) throw new Error('The model has no vision tokens')
      tokens.push(vision.start)
      segments.push({ type: 'text', tokens }, { type: 'image', image: Number(chunk.slice(0, end)) })
      tokens = [vision.end, ...text]
    }
    if (tokens.length > 0) segments.push({ type: 'text', tokens })
    return segments
  }

  /** Text between two special tokens is tokenized as one string, because a token can span "user\n" and "\nHi". */
  function tokensOf (text: string, marks: Marks): Token[] {
    const tokens: Token[] = []
    for (const piece of specials.split(text)) {
      if (typeof piece === 'number') {
        tokens.push(piece)
        continue
      }
      const plain = piece.replaceAll(marks.token, '')
      // push(...) would exceed the maximum number of arguments of a call.
      for (const token of specials.tokenize(plain, plain !== piece)) tokens.push(token)
    }
    return tokens
  }

  return {
    render,
    thoughts,
    turnStart: typeof start === 'number' ? start : null,
    toolSyntax: findToolSyntax(template)
  }
}

/** Appends the tokens that begin thoughts. */
function withOpening (segments: Segment[], opening: Token[]): Segment[] {
  const last = segments.at(-1)
  if (last?.type !== 'text' || opening.length === 0) return segments
  return [...segments.slice(0, -1), { type: 'text', tokens: [...last.tokens, ...opening] }]
}

/** Placeholders in a rendered prompt. */
interface Marks {
  /** Breaks the text of a special token. */
  token: string
  /** Marks an image. Its index and a semicolon follow. */
  image: string
}

/** Returns a random number of 39 digits: filters such as `upper` or `tojson` leave digits as they are. */
function createMark (): string {
  return BigInt(`0x${randomBytes(16).toString('hex')}`).toString().padStart(39, '0')
}

/** @throws Error that names the model's file */
function loadTemplate ({ filename = 'The model', fileInfo, tokens }: LlamaModel): ChatTemplate {
  const source: unknown = fileInfo.metadata.tokenizer.chat_template
  if (typeof source !== 'string' || source === '') throw new Error(`${filename} has no chat template`)
  try {
    return new ChatTemplate(source, tokens.bosString ?? '', tokens.eosString ?? '')
  } catch (error) {
    throw new Error(
      `The chat template of ${filename} cannot be used: ${(error as Error).message}; use a file with another template`
    )
  }
}

/** @throws Error when the vocabulary does not contain the tokens around an image */
function visionTokens (specials: SpecialTokens): { start: Token, end: Token } {
  const [start, end] = ['<|vision_start|>', '<|vision_end|>'].map(text => {
    const token = specials.find(text)
    if (token === null) throw new Error(`The model has no ${text} token: it is not of the Qwen-VL family`)
    return token
  })
  return { start: start!, end: end! }
}

export function countTextTokens (segments: Segment[]): number {
  return segments.reduce((sum, segment) => sum + (segment.type === 'text' ? segment.tokens.length : 0), 0)
}
