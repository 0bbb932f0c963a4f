/** What comes is no stream of events, or one of them is too large. */
export class MalformedStreamError extends Error {}

/** An event holds a token or a call's arguments. */
const EVENT_MAX_CHARACTERS = 4 * 1024 * 1024

/**
 * The data of server-sent events, as they come. Names, ids and comments are left out, and so is an event that the end of the stream cuts off.
 * Source: HTML standard, 9.2.6.
 * @throws MalformedStreamError; whatever reading the bytes throws
 */
export async function * readSse (bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  let data: string[] = []
  let size = 0
  for await (const chunk of bytes) {
    rest += decoder.decode(chunk, { stream: true })
    // A carriage return at the end may be half of a line break.
    const lines = rest.endsWith('\r') ? rest.slice(0, -1).split(LINE_BREAK) : rest.split(LINE_BREAK)
    rest = lines.pop()! + (rest.endsWith('\r') ? '\r' : '')
    for (const line of lines) {
      if (line.startsWith('data:')) {
        const value = line.slice(line.startsWith('data: ') ? 6 : 5)
        size += value.length
        data.push(value)
      }
      if (line !== '' || data.length === 0) continue
      yield data.join('\n')
      data = []
      size = 0
    }
    if (rest.length + size > EVENT_MAX_CHARACTERS) throw new MalformedStreamError('an event is too large')
  }
}

const LINE_BREAK = /\r\n|\n|\r/
