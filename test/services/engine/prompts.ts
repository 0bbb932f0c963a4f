import path from 'node:path'
import { getLlama, LlamaLogLevel, type Llama, type LlamaModel, type Token } from 'node-llama-cpp'
import type { Test } from 'tap'
import type { Part, Turn } from '../../../services/engine/engine.ts'
import { createPromptRenderer, type PromptRenderer, type Segment } from '../../../services/engine/worker/prompt.ts'
import { writeGguf } from '../../../tools/lib/gguf.ts'
import { FAMILIES } from '../../models/families.ts'
import { languageMetadata } from '../../models/language.ts'
import { readDemoVocabulary, tokenizerMetadata, USER_DEFINED } from '../../models/tokenizer.ts'

let llama: Promise<Llama> | undefined
let files = 0

/** Loads only the vocabulary and the chat template of a model file. */
export async function loadVocabulary (t: Test, modelPath: string): Promise<LlamaModel> {
  llama ??= getLlama({ gpu: false, build: 'never', skipDownload: true, logLevel: LlamaLogLevel.disabled })
  const model = await (await llama).loadModel({ modelPath, vocabOnly: true })
  t.teardown(() => model.dispose())
  return model
}

/** The vocabulary of the embedded model with more special tokens, and a chat template; that of the model by default. */
export async function createPrompts (
  t: Test, options: { tokens?: Array<[text: string, type: number]>, template?: string } = {}
): Promise<{ model: LlamaModel, prompts: PromptRenderer }> {
  const { vocabulary, template } = await readDemoVocabulary()
  const { tokens = [] } = options
  const file = path.join(t.testdir(), `vocabulary-${files++}.gguf`)
  writeGguf(file, {
    'general.architecture': 'qwen2vl',
    ...languageMetadata(FAMILIES['qwen2-vl'].language, 1),
    ...tokenizerMetadata({
      ...vocabulary,
      tokens: [...vocabulary.tokens, ...tokens.map(([text]) => text)],
      types: [...vocabulary.types, ...tokens.map(([, type]) => type)]
    }, 'qwen2', options.template ?? template)
  }, [])
  const model = await loadVocabulary(t, file)
  return { model, prompts: createPromptRenderer(model, true) }
}

export const THINKING: Array<[string, number]> =
  ['<think>', '</think>', '<tool_call>', '</tool_call>', '<tool_response>', '</tool_response>']
    .map(text => [text, USER_DEFINED])

export function say (role: Turn['role'], ...parts: Array<string | Part>): Turn {
  return { role, parts: parts.map(part => typeof part === 'string' ? { type: 'text', text: part } : part) }
}

/** Returns the tokens of a prompt; -1 for an image. */
export function tokensOf (segments: Segment[]): number[] {
  return segments.flatMap(segment => segment.type === 'text' ? segment.tokens as number[] : [-1])
}

/** Returns the text of a prompt, with an image as a line of its own. */
export function textOf (model: LlamaModel, segments: Segment[]): string {
  return segments.map(segment => segment.type === 'text'
    ? model.detokenize(segment.tokens, true)
    : `[image ${segment.image}]`).join('')
}

/** Returns the special tokens of a prompt in their order. */
export function specialsOf (model: LlamaModel, segments: Segment[]): string[] {
  return tokensOf(segments).filter(token => token >= 0 && isSpecial(model, token as Token))
    .map(token => model.detokenize([token as Token], true))
}

function isSpecial (model: LlamaModel, token: Token): boolean {
  const { control, userDefined } = model.getTokenAttributes(token)
  return control || userDefined
}
