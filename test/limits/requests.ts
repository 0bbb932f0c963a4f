import sharp from 'sharp'
import { createForm } from '../helper.ts'

/** Bytes of a megabyte in settings and limits. */
export const MB = 1024 * 1024

/** A request as `fetch` takes it. */
export interface Asking { path: string, init: RequestInit }

export const json = (body: object | string, path = '/api/chat'): Asking => ({
  path,
  init: {
    method: 'POST',
    body: typeof body === 'string' ? body : JSON.stringify(body),
    headers: { 'content-type': 'application/json' }
  }
})

export const chat = (more: object) => json({ message: 'Hi', max_tokens: 1, ...more })

export const form = (fields: Record<string, string | string[]>, images: Buffer[] = []): Asking =>
  ({ path: '/api/chat', init: { method: 'POST', body: createForm(fields, images) } })

export const complete = (model: string, more: object): Asking =>
  json({ model, max_tokens: 1, messages: [{ role: 'user', content: 'Hi' }], ...more }, '/v1/chat/completions')

/** A form with a message and this many file inputs in which nothing is chosen. */
export const emptyInputs = (count: number): Asking => {
  const field = (name: string, value: string) =>
    `--limits\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`
  const empty = '--limits\r\nContent-Disposition: form-data; name="images"; filename=""\r\n\r\n\r\n'
  const body = field('message', 'Hi') + field('max_tokens', '1') + empty.repeat(count) + '--limits--\r\n'
  return {
    path: '/api/chat',
    init: { method: 'POST', body, headers: { 'content-type': 'multipart/form-data; boundary=limits' } }
  }
}

export const repeat = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index))

/** An empty JSON list at this depth. */
export const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels)

export const imageId = (number: number) => `sha256:${number.toString(16).padStart(64, '0')}`

export const turn = (more: object = {}) => ({ role: 'user', content: 'Hi', ...more })

export const withSchema = (schema: object) =>
  chat({ response_format: { type: 'json_schema', json_schema: { name: 'x', schema } } })

/** A history whose turns name images by id, 64 in each turn. */
export const namingImages = (numbers: number[]) => {
  const ids = numbers.map(imageId)
  return chat({
    history: repeat(Math.ceil(ids.length / 64), i => turn({ images: ids.slice(64 * i, 64 * (i + 1)) }))
  })
}

export const redImage = (width: number, height: number) =>
  sharp({ create: { width, height, channels: 3, background: 'red' } }).png().toBuffer()

export const noImage = Buffer.from('no image')

export const call = (i: number) => ({ id: `call_${i}`, type: 'function', function: { name: 'look', arguments: '{}' } })
