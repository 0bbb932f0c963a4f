import { longQuestion } from '../../../clients/clients.ts'
import { readEvents, type SseEvent, type TestService } from '../../../helper.ts'

/** A question whose answer takes long enough to be disturbed. */
export const LONG = longQuestion(800)

/** Asks for a long answer and waits for its first words. */
export async function begin (url: string, signal?: AbortSignal): Promise<AsyncGenerator<SseEvent>> {
  const response = await fetch(`${url}/api/chat_stream`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(LONG), signal
  })
  const events = readEvents(response)
  for (let first = await events.next(); first.value.event !== 'token';) first = await events.next()
  return events
}

/** The last event that comes. */
export async function toEnd (events: AsyncIterable<SseEvent>): Promise<SseEvent | undefined> {
  let last
  for await (const event of events) last = event
  return last
}

export const taken = ({ app }: TestService) => app.slots.stats().taken
