import { connect, type Socket } from 'node:net'

/** A client that decides itself when which byte goes out. */
export interface RawClient {
  socket: Socket
  /** Everything that came so far. */
  received (): string
  /** Resolves once what came matches; rejects when the connection ends first. */
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

/** Head of a multipart request; the body is what the caller then sends. */
export function formHead (path: string, contentLength: number, extra = ''): string {
  return `POST ${path} HTTP/1.1\r\nHost: test\r\nContent-Type: multipart/form-data; boundary=${BOUNDARY}\r\nContent-Length: ${contentLength}\r\n${extra}\r\n`
}

/** A multipart body with a message and images. */
export function formBody (message: string, images: Buffer[]): Buffer {
  const chunks: Array<string | Buffer> =
    [`--${BOUNDARY}\r\nContent-Disposition: form-data; name="message"\r\n\r\n${message}\r\n`]
  for (const [index, image] of images.entries()) {
    chunks.push(
      `--${BOUNDARY}\r\nContent-Disposition: form-data; name="images"; filename="${index}.png"\r\nContent-Type: image/png\r\n\r\n`,
      image, '\r\n'
    )
  }
  chunks.push(`--${BOUNDARY}--\r\n`)
  return Buffer.concat(chunks.map(chunk => Buffer.from(chunk)))
}
