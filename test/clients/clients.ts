import { createForm, readEvents } from '../helper.ts'
import type { RawClient } from '../raw-client.ts'

/** Fields of a question whose answer is a list of that many words: a grammar keeps the embedded model talking. */
export function longQuestion (words: number) {
  return {
    message: 'Hi',
    temperature: 0,
    max_tokens: 3500,
    response_format: {
      type: 'json_schema',
      json_schema: {
        name: 'long', schema: { type: 'array', items: { const: 'word' }, minItems: words, maxItems: words }
      }
    }
  }
}

/** The answer to it. */
export function wordsIn (text: string): number {
  return (JSON.parse(text) as string[]).filter(it => it === 'word').length
}

export interface Stream {
  /** Kinds of the events that came. */
  events: string[]
  text: string
  /** Milliseconds between an event with text and the next; several may come at once to a reader who is behind. */
  gaps: number[]
  /** From the first to the last of them. */
  ms: number
}

/** Streams a long answer and takes the time of what comes. */
export async function streamLong (url: string, words: number): Promise<Stream> {
  const { response_format: format, ...fields } = longQuestion(words)
  const form = createForm({
    ...Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, String(value)])),
    response_format: JSON.stringify(format)
  })
  const response = await fetch(`${url}/api/chat_stream`, { method: 'POST', body: form })
  const events: string[] = []
  const times: number[] = []
  let text = ''
  for await (const { event, data } of readEvents(response)) {
    events.push(event)
    if (event !== 'token') continue
    times.push(performance.now())
    text += data.text
  }
  return {
    events, text, gaps: times.slice(1).map((time, index) => time - times[index]!), ms: times.at(-1)! - times[0]!
  }
}

export function median (values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!
}

/** A request with a JSON body, byte for byte. */
export function jsonRequest (path: string, body: unknown, headers = ''): string {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return `POST ${path} HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(
    text
  )}\r\n${headers}\r\n${text}`
}

export function getRequest (path: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: test\r\n\r\n`
}

/** Sends a byte now and then, until the connection ends. */
export function drip (client: RawClient, bytes: Buffer, everyMs: number): void {
  let sent = 0
  const timer = setInterval(() => client.send(bytes.subarray(sent, ++sent)), everyMs)
  client.closed.then(() => clearInterval(timer))
}

/** How an answer that was disturbed compares with one that was not, for the reader of the test's output. */
export function describePace (alone: Stream, disturbed: Stream): string {
  const numbers = ({ gaps, ms }: Stream) => `${(ms / 1000).toFixed(
    2
  )} s, gaps ${median(gaps).toFixed(2)} ms in the median and ${Math.max(...gaps).toFixed(0)} ms at most`
  return `alone ${numbers(alone)}; disturbed ${numbers(disturbed)}; ${(disturbed.ms / alone.ms).toFixed(2)} of the time`
}
