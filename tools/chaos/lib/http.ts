import { isPdf } from './documents.ts'

export interface Body { type: string, bytes: Buffer }

export interface FilePart { field: string, name?: string, type?: string, data: Buffer }

const BOUNDARY = 'chaos-boundary'
export const FORM_TYPE = `multipart/form-data; boundary=${BOUNDARY}`
export const FORM_END = `--${BOUNDARY}--\r\n`

/** A part of a form. `disposition` contains parameters of its Content-Disposition, and further header lines. */
export function formPart (disposition: string, value: string | Buffer): Buffer {
  return Buffer.concat([
    Buffer.from(`--${BOUNDARY}\r\nContent-Disposition: form-data${disposition}\r\n\r\n`), Buffer.from(value as Buffer),
    Buffer.from('\r\n')
  ])
}

export function fieldPart (name: string, value: string): Buffer {
  return formPart(`; name="${name}"`, value)
}

export function filePart ({ field, data, name = 'image', type = typeOf(data) }: FilePart): Buffer {
  return formPart(`; name="${field}"; filename="${name}"\r\nContent-Type: ${type}`, data)
}

/** A form. A list of values repeats the field. */
export function formBody (fields: Record<string, string | string[]>, files: readonly FilePart[] = []): Body {
  const parts = Object.entries(fields).flatMap(([name, value]) => [value].flat().map(one => fieldPart(name, one)))
  return { type: FORM_TYPE, bytes: Buffer.concat([...parts, ...files.map(filePart), Buffer.from(FORM_END)]) }
}

export function jsonBody (value: unknown): Body {
  return { type: 'application/json', bytes: Buffer.from(JSON.stringify(value)) }
}

export function dataUri (data: Buffer): string {
  return `data:${typeOf(data)};base64,${data.toString('base64')}`
}

const typeOf = (data: Buffer) => isPdf(data) ? 'application/pdf' : 'image/png'

/** @param headers header lines, each with its line end */
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

/** A request with a chunked body. `end: false` omits the last chunk. */
export function chunkedRequest (path: string, { type, bytes }: Body, { chunk = 50_000, end = true } = {}): Buffer {
  const headers = `Host: chaos\r\nContent-Type: ${type}\r\nTransfer-Encoding: chunked`
  const chunks: Buffer[] = [Buffer.from(`POST ${path} HTTP/1.1\r\n${headers}\r\n\r\n`)]
  for (let at = 0; at < bytes.length; at += chunk) {
    const piece = bytes.subarray(at, at + chunk)
    chunks.push(Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n'))
  }
  if (end) chunks.push(Buffer.from('0\r\n\r\n'))
  return Buffer.concat(chunks)
}
