import { longQuestion } from '../../../clients/clients.ts'
import { readEvents, type SseEvent, type TestService } from '../../../helper.ts'

/** A question with a long answer, so that a test can interrupt it. */
export const LONG = longQuestion(800)

/** Requests a long answer and waits for its first token. */
export async function begin (url: string, signal?: AbortSignal): Promise<AsyncGenerator<SseEvent>> {
  const response = await fetch(`${url}/api/chat_stream`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(LONG), signal
  })
  const events = readEvents(response)
  for (let first = await events.next(); first.value.event !== 'token';) first = await events.next()
  return events
}

/** Reads to the end and returns the last event. */
export async function toEnd (events: AsyncIterable<SseEvent>): Promise<SseEvent | undefined> {
  let last
  for await (const event of events) last = event
  return last
}

export const taken = ({ app }: TestService) => app.slots.stats().taken
