/** Encodes unsigned integers of 16 bits, big-endian. */
export const be16 = (...values: number[]): Buffer =>
  numbers(values, 2, (bytes, value, at) => bytes.writeUInt16BE(value, at))
/** Encodes unsigned integers of 32 bits, big-endian. */
export const be32 = (...values: number[]): Buffer =>
  numbers(values, 4, (bytes, value, at) => bytes.writeUInt32BE(value, at))
/** Encodes unsigned integers of 16 bits, little-endian. */
export const le16 = (...values: number[]): Buffer =>
  numbers(values, 2, (bytes, value, at) => bytes.writeUInt16LE(value, at))
/** Encodes unsigned integers of 24 bits, little-endian. */
export const le24 = (...values: number[]): Buffer =>
  numbers(values, 3, (bytes, value, at) => bytes.writeUIntLE(value, at, 3))
/** Encodes unsigned integers of 32 bits, little-endian. */
export const le32 = (...values: number[]): Buffer =>
  numbers(values, 4, (bytes, value, at) => bytes.writeUInt32LE(value, at))

function numbers (values: number[], size: number, write: (bytes: Buffer, value: number, at: number) => void): Buffer {
  const bytes = Buffer.alloc(values.length * size)
  for (const [index, value] of values.entries()) write(bytes, value, index * size)
  return bytes
}

/** Concatenates parts. A string is Latin-1, a number is one byte. */
export function join (...parts: Array<Buffer | string | number>): Buffer {
  return Buffer.concat(parts.map(part =>
    typeof part === 'number' ? Buffer.from([part]) : typeof part === 'string' ? Buffer.from(part, 'latin1') : part))
}

/** Returns `count` copies of a piece, concatenated. */
export const repeated = (piece: Buffer, count: number): Buffer => Buffer.alloc(piece.length * count, piece)

/** Returns a copy of `bytes` in which `patch` replaces the bytes at an offset. */
export function patched (bytes: Buffer, at: number, patch: Buffer): Buffer {
  const copy = Buffer.from(bytes)
  patch.copy(copy, at)
  return copy
}
