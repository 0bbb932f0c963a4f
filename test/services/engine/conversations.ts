import path from 'node:path'
import sharp from 'sharp'
import type { Engine, EngineEvent, EngineImage, GenerateRequest, Turn } from '../../../services/engine/engine.ts'
import { integers } from '../../../tools/lib/random.ts'
import { collect, textOf } from './requests.ts'

type Done = Extract<EngineEvent, { type: 'done' }>

/** One turn. The user has the first turn. Images are indices and precede the text. */
export interface Said { text: string, images: number[] }

/** Thoughts and answer, token by token, with the finish reason, and the part of its prompt that was reused. */
export interface Answer { words: string[], text: string, promptTokens: number, cachedTokens: number }

const never = new AbortController().signal
const QUESTIONS = [
  'What is in the picture?', '描述这张图片。', 'How many images are there?', 'What colour is the background?',
  'Compare image 1 and image 2.', 'Read it.', 'Why?', '  And now, with blanks?  \n'
]

/** Draws images that differ from each other in every region. */
export async function drawNoise (dir: string, count: number, width: number, height: number): Promise<EngineImage[]> {
  return await Promise.all(Array.from({ length: count }, async (_, index) => {
    const random = integers(1000 + index)
    const pixels = Buffer.from(Array.from({ length: 8 * 8 * 3 }, () => random(256)))
    const file = path.join(dir, `noise-${index}-${width}x${height}.png`)
    await sharp(pixels, { raw: { width: 8, height: 8, channels: 3 } }).resize(width, height).png().toFile(file)
    return { id: `sha256:${index}`, file: async () => file, original: { width, height }, width, height }
  }))
}

/** Draws questions of 2–4 turns with 1–3 images in all. The answers come from a model. */
export function drawQuestions (count: number, images: number, seed: number): Said[][] {
  const random = integers(seed)
  return Array.from({ length: count }, () => {
    const questions = Array.from({ length: 2 + random(3) }, (): Said => ({
      text: QUESTIONS[random(QUESTIONS.length)]!, images: []
    }))
    const shown = 1 + random(3)
    for (let i = 0; i < shown; i++) questions[i === 0 ? 0 : random(questions.length)]!.images.push(random(images))
    return questions
  })
}

export function toRequest (said: Said[], images: EngineImage[], scope: string, maxTokens: number): GenerateRequest {
  const used: EngineImage[] = []
  const turns = said.map(({ text, images: shown }, index): Turn => ({
    role: index % 2 === 0 ? 'user' : 'assistant',
    parts: [
      ...shown.map(which => ({ type: 'image' as const, image: used.push(images[which]!) - 1 })), { type: 'text', text }
    ]
  }))
  return { turns, scope, images: used, tools: [], maxTokens, stop: [], grammar: null, sampling: { temperature: 0 } }
}

export async function ask (
  engine: Pick<Engine, 'generate'>, request: GenerateRequest, signal: AbortSignal = never
): Promise<Answer> {
  const events = await collect(engine.generate(request, signal))
  const { finishReason, usage: { promptTokens, cachedTokens } } = events.at(-1) as Done
  const words =
    [...events.flatMap(event => event.type === 'thought' || event.type === 'token' ? [event.text] : []), finishReason]
  return { words, text: textOf(events), promptTokens, cachedTokens }
}
