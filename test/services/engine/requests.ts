import type { Test } from 'tap'
import type { EngineEvent, GenerateRequest } from '../../../services/engine/engine.ts'
import { prepareExample } from '../../native/reference.ts'

/** Size of the original image. The engine only stores and returns it. */
export const ORIGINAL = { width: 4032, height: 3024 }

/** Creates a question about an image. The embedded model answers 'A blue heart on a white background.' */
export async function createHeartRequest (t: Pick<Test, 'testdir'>): Promise<GenerateRequest> {
  const { id, png, width, height } = await prepareExample(t.testdir(), 0, '00.png')
  return {
    turns: [{ role: 'user', parts: [{ type: 'image', image: 0 }, { type: 'text', text: 'What is in the picture?' }] }],
    scope: '',
    tools: [],
    images: [{ id, file: async () => png, original: ORIGINAL, width, height }],
    maxTokens: 50,
    stop: [],
    grammar: null,
    sampling: {}
  }
}

export async function collect (events: AsyncIterable<EngineEvent>): Promise<EngineEvent[]> {
  const all: EngineEvent[] = []
  for await (const event of events) all.push(event)
  return all
}

export const textOf = (events: EngineEvent[]) => events.map(event => event.type === 'token' ? event.text : '').join('')
