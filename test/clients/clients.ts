import { createForm, readEvents } from '../helper.ts'
import type { RawClient } from '../raw-client.ts'

/** JSON fields of a question whose answer is a list of this many words: a grammar makes the answer long. */
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

/** The same question as fields of a form. */
export function longForm (words: number): Record<string, string> {
  const { response_format: format, ...fields } = longQuestion(words)
  return {
    ...Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, String(value)])),
    response_format: JSON.stringify(format)
  }
}

/** The number of words in an answer to a long question. */
export function wordsIn (text: string): number {
  return (JSON.parse(text) as string[]).filter(it => it === 'word').length
}

/** The text of an answer, from the bytes of its event stream. */
export function streamedText (bytes: string): string {
  return [...bytes.matchAll(/"text":("(?:[^"\\]|\\.)*")/g)].map(match => JSON.parse(match[1]!)).join('')
}

export interface Stream {
  /** Names of the events, in order. */
  events: string[]
  text: string
  /** Milliseconds between one event with text and the next. A slow reader receives several at once. */
  gaps: number[]
  /** Milliseconds from the first event with text to the last. */
  ms: number
}

/** Streams a long answer and measures when its events arrive. */
export async function streamLong (url: string, words: number): Promise<Stream> {
  const response = await fetch(`${url}/api/chat_stream`, { method: 'POST', body: createForm(longForm(words)) })
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

/**
 * The head of a request with a JSON body; the caller sends the body.
 * @param headers at least the length of the body, each with its line end
 */
export function jsonHead (path: string, headers: string): string {
  return `POST ${path} HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n${headers}\r\n`
}

/** A request with a JSON body, as bytes on the wire. */
export function jsonRequest (path: string, body: unknown, headers = ''): string {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return jsonHead(path, `Content-Length: ${Buffer.byteLength(text)}\r\n${headers}`) + text
}

export function getRequest (path: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: test\r\n\r\n`
}

/** Sends one byte per interval until the connection ends. */
export function drip (client: RawClient, bytes: Buffer, everyMs: number): void {
  let sent = 0
  const timer = setInterval(() => client.send(bytes.subarray(sent, ++sent)), everyMs)
  client.closed.then(() => clearInterval(timer))
}

/** Compares a disturbed answer with an undisturbed one, for the test's output. */
export function describePace (alone: Stream, disturbed: Stream): string {
  const numbers = ({ gaps, ms }: Stream) => {
    const [middle, most] = [median(gaps).toFixed(2), Math.max(...gaps).toFixed(0)]
    return `${(ms / 1000).toFixed(2)} s, gaps ${middle} ms in the median and ${most} ms at most`
  }
  return `alone ${numbers(alone)}; disturbed ${numbers(disturbed)}; ${(disturbed.ms / alone.ms).toFixed(2)} of the time`
}

/** Stops the process of an engine. No answer proceeds until `resume` is called. */
export function pause (pid: number): { resume (): void } {
  process.kill(pid, 'SIGSTOP')
  return { resume: () => { process.kill(pid, 'SIGCONT') } }
}
