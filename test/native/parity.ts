import { readdirSync } from 'node:fs'
import path from 'node:path'
import { getLlama } from 'node-llama-cpp'
import type { Test } from 'tap'
import { ROOT } from '../../config/root.ts'
import type { GenerateRequest, Part } from '../../services/engine/engine.ts'
import { createPromptRenderer } from '../../services/engine/worker/prompt.ts'
import { createTestEngine } from '../helper.ts'
import { FAMILIES, type Family } from '../models/families.ts'
import { writeTinyModel } from '../models/tiny-model.ts'
import { drawCases } from './cases.ts'
import {
  askReference, prepareExample, type ReferenceAnswer, type ReferenceCase, type VisionModel
} from './reference.ts'

/** Prompts and the reference program's answers to them. */
export interface Parity {
  model: VisionModel
  cases: ReferenceCase[]
  expected: ReferenceAnswer[]
}

export interface ParityOptions { count: number, seed: number, maxTokens: number }

/**
 * Draws prompts about the example images and answers them with the reference program.
 * @param dir folder for the prepared images
 */
export async function drawParity (
  dir: string, model: VisionModel, { count, seed, maxTokens }: ParityOptions
): Promise<Parity> {
  const files = readdirSync(path.join(ROOT, 'models/demo/examples')).filter(file => !file.endsWith('.json'))
  const images = await Promise.all(files.map((file, index) => prepareExample(dir, index, file, model)))
  const cases = drawCases({ count, images, seed, maxTokens })
  return { model, cases, expected: await askReference(model, cases, { threads: 1 }) }
}

/** Asserts that the service's prompts equal those of llama.cpp, token for token. */
export async function comparePrompts (t: Test, { model: files, cases, expected }: Parity): Promise<void> {
  const llama = await getLlama({ gpu: false, build: 'never', skipDownload: true })
  t.teardown(() => llama.dispose())
  const model = await llama.loadModel({ modelPath: files.model })
  const prompts = createPromptRenderer(model, true)
  for (const [index, it] of cases.entries()) {
    const request = toRequest(it)
    const tokens = prompts.render(request.turns, request.tools).flatMap(segment => segment.type === 'text'
      ? segment.tokens as number[]
      : new Array<number>(it.images[segment.image]!.tokens).fill(-1))
    t.same(tokens, expected[index]!.prompt, `prompt ${index}`)
  }
}

/**
 * Asserts that the engine's answers equal those of llama.cpp's own helpers. Of a model that always thinks, the thoughts
 * are compared: the engine ends them itself, which the helpers do not.
 * @param atOnce number of prompts that are answered at the same time
 */
export async function compareAnswers (
  t: Test, { model: { model, mmproj }, cases, expected }: Parity, atOnce: number
): Promise<void> {
  const engine = await createTestEngine(t, { model, mmproj, threads: 1 })
  const thinks = engine.info().thinking === 'always'
  const queue = [...cases.keys()]
  const client = async () => {
    for (let index = queue.shift(); index !== undefined; index = queue.shift()) {
      let text = ''
      let count = 0
      const request = toRequest(cases[index]!)
      const compared = thinks ? { ...request, thinkingTokens: request.maxTokens } : request
      for await (const event of engine.generate(compared, new AbortController().signal)) {
        if (event.type === (thinks ? 'thought' : 'token')) text += event.text
        if (event.type === 'done') count = thinks ? event.usage.thinkingTokens : event.usage.completionTokens
      }
      const wanted = expected[index]!
      const answer = { text: wanted.text, count: wanted.tokens.length }
      t.same({ text, count }, thinks ? thoughtsOf(wanted) : answer, `prompt ${index}`)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, client))
}

/** Returns the part of an answer before the end of its thoughts. Each closing tag is one token. */
function thoughtsOf ({ text, tokens }: ReferenceAnswer): { text: string, count: number } {
  const [thoughts, ...others] = text.split('</think>')
  if (others.length > 0) throw new Error('A random model ended its thoughts: choose another seed')
  return { text: thoughts!.trim(), count: tokens.length }
}

const OPTIONS: ParityOptions = { count: 60, seed: 7, maxTokens: 24 }

/** Compares a model of the family with random weights and llama.cpp. */
export async function compareFamily (t: Test, family: Family): Promise<void> {
  const dir = t.testdir()
  const parity = await drawParity(dir, await writeTinyModel(dir, { family }), OPTIONS)
  await t.test('prompts equal those of llama.cpp, token for token', t => comparePrompts(t, parity))
  await t.test('answers equal those of llama.cpp\'s own helpers, one at a time', t => compareAnswers(t, parity, 1))
  // See `routers`.
  const busy = FAMILIES[family].language.experts
    ? await drawParity(dir, await writeTinyModel(dir, { family, routers: 'Q8_0' }), OPTIONS)
    : parity
  await t.test('and three at a time', t => compareAnswers(t, busy, 3))
}

/** Converts a case to a request of the engine. */
export function toRequest ({ messages, images, maxTokens }: ReferenceCase): GenerateRequest {
  let next = 0
  const toParts = (content: string): Part[] => content.split('<__media__>').flatMap((text, index): Part[] =>
    index === 0 ? [{ type: 'text', text }] : [{ type: 'image', image: next++ }, { type: 'text', text }])
  return {
    turns: messages.map(({ role, content }) => ({ role, parts: toParts(content) })),
    scope: '',
    tools: [],
    images: images.map(({ id, png, width, height }) =>
      ({ id, file: async () => png, original: { width, height }, width, height })),
    maxTokens,
    stop: [],
    grammar: null,
    sampling: { temperature: 0 }
  }
}
