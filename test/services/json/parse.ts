import { JsonDocument } from '../../../services/json/document.ts'
import { JsonTokens, MORE, PART, SCALAR } from '../../../services/json/tokens.ts'

/** Parses JSON that arrives in these pieces. */
export function parseJson (pieces: Iterable<Buffer>): unknown {
  const tokens = new JsonTokens()
  const document = new JsonDocument(tokens, {})
  for (const piece of pieces) {
    tokens.feed(piece)
    for (let token = tokens.next(); token !== MORE; token = tokens.next()) {
      if (token !== PART) document.add(token)
    }
  }
  if (tokens.end() === SCALAR) document.add(SCALAR)
  return document.end()
}

/** Cuts bytes at these places. */
export function cutAt (bytes: Buffer, ...places: number[]): Buffer[] {
  return [0, ...places].map((from, index) => Buffer.from(bytes.subarray(from, places[index] ?? bytes.length)))
}

/** Cuts bytes into pieces of this length. */
export function cutEach (bytes: Buffer, length: number): Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / length) }, (_, index) =>
    Buffer.from(bytes.subarray(index * length, (index + 1) * length)))
}
