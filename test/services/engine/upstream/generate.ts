import type { Test } from 'tap'
import type { Engine, EngineEvent, GenerateRequest } from '../../../../services/engine/engine.ts'
import { createUnreadyEngine } from './front.ts'

export type Done = Extract<EngineEvent, { type: 'done' }>

export interface Generated {
  thoughts: string
  text: string
  done: Done
  /** The types of the events in order, each series of equal ones once. */
  order: string[]
}

/** Creates an engine with these upstreams, waits until it is ready, and collects its warnings. */
export async function createThinkingFront (
  t: Test, urls: string[], env: Record<string, string> = {}
): Promise<{ engine: Engine, warnings: () => Array<Record<string, unknown>> }> {
  const { engine, lines } = createUnreadyEngine(t, urls, env)
  await engine.ready()
  return { engine, warnings: () => lines.filter(({ level }) => Number(level) >= 40) }
}

/** The request of one question. */
export function question (fields: Partial<GenerateRequest> = {}): GenerateRequest {
  return {
    turns: [{ role: 'user', parts: [{ type: 'text', text: 'Hi' }] }],
    scope: '',
    tools: [],
    images: [],
    maxTokens: 100,
    stop: [],
    grammar: null,
    sampling: {},
    ...fields
  }
}

export async function generate (
  engine: Engine, fields: Partial<GenerateRequest> = {}, signal = new AbortController().signal
): Promise<Generated> {
  const events: EngineEvent[] = []
  for await (const event of engine.generate(question(fields), signal)) events.push(event)
  const textOf = (type: 'thought' | 'token') =>
    events.map(event => event.type === type ? (event as { text: string }).text : '').join('')
  const done = events.at(-1)
  if (done?.type !== 'done') throw new Error('The answer does not end with "done"')
  return {
    thoughts: textOf('thought'),
    text: textOf('token'),
    done,
    order: events.map(event => event.type).filter((type, at, all) => type !== all[at - 1])
  }
}
