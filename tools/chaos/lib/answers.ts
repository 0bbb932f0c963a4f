/** An HTTP response. */
export interface Answer {
  status: number
  /** Names in lower case. */
  headers: Map<string, string>
  body: Buffer
  /** Whether the response was received up to its end. */
  complete: boolean
}

export interface AnswerReader {
  readonly answers: readonly Answer[]
  /** Number of complete answers. */
  readonly complete: number
  /** Whether `100 Continue` was received. */
  readonly continued: boolean
  /** Number of server-sent events and comments in the latest answer so far. */
  readonly events: number
  /** Number of bytes that belong to no answer. */
  readonly surplus: number
  push (chunk: Buffer): void
  /** Call it when the service has closed its side: an answer without a length ends then. */
  close (): void
}

const HEAD_END = '\r\n\r\n'
const LINE_END = '\r\n'
const BLOCK_END = '\n\n'

/**
 * Parses the answers on a connection. It finds what an HTTP client hides: incomplete answers, and bytes after an end.
 * @param expected number of answers; bytes after the last one are surplus
 */
export function createAnswerReader (expected: number): AnswerReader {
  const answers: Answer[] = []
  let buffer: Buffer = Buffer.alloc(0)
  let current: Answer | null = null
  let left: number | 'chunked' | 'close' = 0
  let continued = false

  function take (bytes: number): Buffer {
    const taken = buffer.subarray(0, bytes)
    buffer = buffer.subarray(bytes)
    return taken
  }

  function finish (): boolean {
    current!.complete = true
    current = null
    return true
  }

  /** @returns whether it could parse something */
  function step (): boolean {
    if (current === null) return answers.length < expected && readHead()
    if (left === 'chunked') return readChunk(current)
    if (left === 0) return finish()
    if (buffer.length === 0) return false
    const piece = take(left === 'close' ? buffer.length : left)
    current.body = Buffer.concat([current.body, piece])
    if (left !== 'close') left -= piece.length
    return true
  }

  function readHead (): boolean {
    const end = buffer.indexOf(HEAD_END)
    if (end < 0) return false
    const [start, ...lines] = take(end + HEAD_END.length).toString('latin1', 0, end).split(LINE_END)
    const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(start!)?.[1] ?? 0)
    if (status === 100) {
      continued = true
      return true
    }
    const headers = new Map(
      lines.map(line => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()])
    )
    current = { status, headers, body: Buffer.alloc(0), complete: false }
    answers.push(current)
    const length = headers.get('content-length')
    left = headers.get('transfer-encoding') === 'chunked' ? 'chunked' : length === undefined ? 'close' : Number(length)
    return true
  }

  function readChunk (answer: Answer): boolean {
    const lineEnd = buffer.indexOf(LINE_END)
    if (lineEnd < 0) return false
    const size = Number.parseInt(buffer.toString('latin1', 0, lineEnd), 16)
    const total = lineEnd + LINE_END.length + size + LINE_END.length
    if (!(buffer.length >= total)) return false
    answer.body = Buffer.concat([
      answer.body, take(total).subarray(lineEnd + LINE_END.length, lineEnd + LINE_END.length + size)
    ])
    return size === 0 ? finish() : true
  }

  return {
    answers,
    get complete () { return answers.filter(answer => answer.complete).length },
    get continued () { return continued },
    get events () { return (answers.at(-1)?.body.toString('latin1').split(BLOCK_END).length ?? 1) - 1 },
    get surplus () { return current === null ? buffer.length : 0 },
    push (chunk) {
      buffer = buffer.length === 0 ? chunk : Buffer.concat([buffer, chunk])
      while (step());
    },
    close () {
      if (current !== null && left === 'close') finish()
    }
  }
}
