/** The response is not a valid event stream, or an event is too large. */
export class MalformedStreamError extends Error {}

/** An event contains a token or the arguments of a call, so this is generous. */
const EVENT_MAX_CHARACTERS = 4 * 1024 * 1024

/**
 * Reads the data of server-sent events. Names, ids and comments are ignored, and so is an event that the end of the
 * stream cuts off. Source: HTML standard, 9.2.6.
 * @throws MalformedStreamError; the errors of `bytes`
 */
export async function * readSse (bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  let data: string[] = []
  let size = 0
  for await (const chunk of bytes) {
    rest += decoder.decode(chunk, { stream: true })
    // A carriage return at the end can be the first half of a line break.
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
