import { connect, type Socket } from 'node:net'
import { once } from 'node:events'

const HEAD_END = Buffer.from('\r\n\r\n')

/**
 * Repeats a request on persistent connections, each time as soon as the last answer is read. It uses plain sockets,
 * because an HTTP client would take as much time as the server.
 * @param request the bytes of one request
 * @returns answers per second by status
 */
export async function answersPerSecond (
  { port, request, connections, seconds }: { port: number, request: Buffer, connections: number, seconds: number }
): Promise<Map<number, number>> {
  const counts = new Map<number, number>()
  const sockets = Array.from({ length: connections }, () => connect({ port, host: '127.0.0.1', noDelay: true }))
  await Promise.all(sockets.map(socket => once(socket, 'connect')))
  const started = performance.now()
  const failed = new AbortController()
  for (const socket of sockets) {
    const failure = (error?: Error) => failed.abort(error ?? new Error('A connection was closed'))
    socket.once('error', failure).once('end', failure)
    repeat(socket, request, status => counts.set(status, (counts.get(status) ?? 0) + 1))
  }
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(resolve, seconds * 1000)
    failed.signal.addEventListener('abort', () => {
      clearTimeout(timer)
      reject(failed.signal.reason)
    })
  }).finally(() => { for (const socket of sockets) socket.removeAllListeners().on('error', () => {}).destroy() })
  const elapsed = (performance.now() - started) / 1000
  return new Map([...counts].map(([status, count]) => [status, count / elapsed]))
}

function repeat (socket: Socket, request: Buffer, onAnswer: (status: number) => void): void {
  let buffer: Buffer = Buffer.alloc(0)
  socket.on('data', chunk => {
    buffer = buffer.length === 0 ? chunk : Buffer.concat([buffer, chunk])
    const head = buffer.indexOf(HEAD_END)
    if (head < 0) return
    const text = buffer.toString('latin1', 0, head)
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(text)?.[1])
    if (buffer.length < head + HEAD_END.length + length) return
    buffer = buffer.subarray(head + HEAD_END.length + length)
    onAnswer(Number(text.slice(9, 12)))
    socket.write(request)
  })
  socket.write(request)
}

/** The bytes of a request with a small form. */
export function formRequest (path: string, fields: Record<string, string>): Buffer {
  const boundary = 'bench-boundary'
  const parts = Object.entries(fields).map(([name, value]) =>
    `--${boundary}\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`)
  const body = `${parts.join('')}--${boundary}--\r\n`
  return Buffer.from(`${formHead(path, boundary, body.length)}${body}`)
}

function formHead (path: string, boundary: string, length: number): string {
  const type = `multipart/form-data; boundary=${boundary}`
  return `POST ${path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: ${type}\r\ncontent-length: ${length}\r\n\r\n`
}

/** Starts an upload that sends some bytes every 100 ms and never ends. @returns a function that stops it */
export async function slowUpload (port: number, path: string): Promise<() => void> {
  const boundary = 'bench-boundary'
  const socket = connect({ port, host: '127.0.0.1' })
  await once(socket, 'connect')
  socket.on('error', () => {})
  socket.write(formHead(path, boundary, 10_000_000))
  const disposition = 'form-data; name="images"; filename="slow.jpg"'
  socket.write(`--${boundary}\r\ncontent-disposition: ${disposition}\r\ncontent-type: image/jpeg\r\n\r\n`)
  const timer = setInterval(() => socket.write(Buffer.alloc(256)), 100)
  return () => {
    clearInterval(timer)
    socket.destroy()
  }
}
