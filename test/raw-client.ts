import { connect, type Socket } from 'node:net'

/** A client on a bare socket, which controls when each byte is sent. */
export interface RawClient {
  socket: Socket
  /** All data received so far. */
  received (): string
  /** Resolves with all received data once it matches. Rejects if the connection ends first. */
  until (pattern: RegExp): Promise<string>
  send (data: string | Buffer): void
  closed: Promise<void>
}

export async function connectRaw (port: number): Promise<RawClient> {
  const socket = connect(port, '127.0.0.1')
  let text = ''
  const watchers = new Set<() => void>()
  socket.on('data', chunk => {
    text += chunk.toString()
    for (const watch of watchers) watch()
  })
  socket.on('error', () => {})
  const closed = new Promise<void>(resolve => socket.once('close', () => resolve()))
  await new Promise(resolve => socket.once('connect', resolve))
  return {
    socket,
    received: () => text,
    send: data => { socket.write(data) },
    closed,
    until: pattern => new Promise((resolve, reject) => {
      const check = () => {
        if (!pattern.test(text)) return
        watchers.delete(check)
        resolve(text)
      }
      watchers.add(check)
      void closed.then(() =>
        reject(new Error(`the connection ended before ${pattern} came; got: ${text.slice(0, 300)}`)))
      check()
    })
  }
}

const BOUNDARY = 'sightline-test'

/**
 * The head of a multipart request; the caller sends the body.
 * @param extra more header lines, each with its line end
 */
export function formHead (path: string, contentLength: number, extra = ''): string {
  const type = `multipart/form-data; boundary=${BOUNDARY}`
  const fields = `Host: test\r\nContent-Type: ${type}\r\nContent-Length: ${contentLength}\r\n`
  return `POST ${path} HTTP/1.1\r\n${fields}${extra}\r\n`
}

/** A multipart body with a message and images. */
export function formBody (message: string, images: Buffer[]): Buffer {
  const chunks: Array<string | Buffer> =
    [`--${BOUNDARY}\r\nContent-Disposition: form-data; name="message"\r\n\r\n${message}\r\n`]
  for (const [index, image] of images.entries()) {
    const disposition = `form-data; name="images"; filename="${index}.png"`
    chunks.push(
      `--${BOUNDARY}\r\nContent-Disposition: ${disposition}\r\nContent-Type: image/png\r\n\r\n`, image, '\r\n'
    )
  }
  chunks.push(`--${BOUNDARY}--\r\n`)
  return Buffer.concat(chunks.map(chunk => Buffer.from(chunk)))
}
