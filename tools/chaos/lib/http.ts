/** Requests as bytes. */

export interface Body { type: string, bytes: Buffer }

export interface FilePart { field: string, name?: string, type?: string, data: Buffer }

const BOUNDARY = 'chaos-boundary'
export const FORM_TYPE = `multipart/form-data; boundary=${BOUNDARY}`
export const FORM_END = `--${BOUNDARY}--\r\n`

/** One part of a form; `more` are parameters of its disposition or further header lines. */
export function formPart (disposition: string, value: string | Buffer): Buffer {
  return Buffer.concat([
    Buffer.from(`--${BOUNDARY}\r\nContent-Disposition: form-data${disposition}\r\n\r\n`), Buffer.from(value as Buffer),
    Buffer.from('\r\n')
  ])
}

export function fieldPart (name: string, value: string): Buffer {
  return formPart(`; name="${name}"`, value)
}

export function filePart ({ field, name = 'picture', type = 'image/png', data }: FilePart): Buffer {
  return formPart(`; name="${field}"; filename="${name}"\r\nContent-Type: ${type}`, data)
}

/** A repeated field has a list. */
export function formBody (fields: Record<string, string | string[]>, files: readonly FilePart[] = []): Body {
  const parts = Object.entries(fields).flatMap(([name, value]) => [value].flat().map(one => fieldPart(name, one)))
  return { type: FORM_TYPE, bytes: Buffer.concat([...parts, ...files.map(filePart), Buffer.from(FORM_END)]) }
}

export function jsonBody (value: unknown): Body {
  return { type: 'application/json', bytes: Buffer.from(JSON.stringify(value)) }
}

export function dataUri (data: Buffer): string {
  return `data:image/png;base64,${data.toString('base64')}`
}

/** @param headers lines, each with its end */
export function getRequest (path: string, method = 'GET', headers = ''): Buffer {
  return Buffer.from(`${method} ${path} HTTP/1.1\r\nHost: chaos\r\n${headers}\r\n`)
}

export function postHead (path: string, type: string, length: number, headers = ''): Buffer {
  return Buffer.from(
    `POST ${path} HTTP/1.1\r\nHost: chaos\r\nContent-Type: ${type}\r\nContent-Length: ${length}\r\n${headers}\r\n`
  )
}

export function postRequest (path: string, { type, bytes }: Body, headers = ''): Buffer {
  return Buffer.concat([postHead(path, type, bytes.length, headers), bytes])
}

/** The same with a body whose length the service does not know beforehand. `end: false` leaves it open. */
export function chunkedRequest (path: string, { type, bytes }: Body, { chunk = 50_000, end = true } = {}): Buffer {
  const chunks: Buffer[] =
    [Buffer.from(`POST ${path} HTTP/1.1\r\nHost: chaos\r\nContent-Type: ${type}\r\nTransfer-Encoding: chunked\r\n\r\n`)]
  for (let at = 0; at < bytes.length; at += chunk) {
    const piece = bytes.subarray(at, at + chunk)
    chunks.push(Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n'))
  }
  if (end) chunks.push(Buffer.from('0\r\n\r\n'))
  return Buffer.concat(chunks)
}
