import { CorruptImageError } from '../../../errors.ts'
import type { Reader } from './reader.ts'

/** Pages. libvips reads the directories of all of them to count them, the tags of each included. */
const MAX_DIRECTORIES = 5000

/** @throws CorruptImageError for more pages than a decoder can be left alone with */
export async function checkTiff (reader: Reader, label: string): Promise<void> {
  const head = await reader.from(0, 16)
  const little = head.toString('latin1', 0, 2) === 'II'
  const number = (bytes: Buffer, at: number, size: 2 | 4 | 8): number => {
    if (size === 8) return Number(little ? bytes.readBigUInt64LE(at) : bytes.readBigUInt64BE(at))
    return little ? bytes.readUIntLE(at, size) : bytes.readUIntBE(at, size)
  }
  if (head.length < 16) return
  const big = number(head, 2, 2) === 43
  const sizes = big ? { offset: 8, count: 8, entry: 20 } as const : { offset: 4, count: 2, entry: 12 } as const

  const seen = new Set<number>()
  // One that comes again is where a decoder stops.
  for (let at = number(head, big ? 8 : 4, sizes.offset); at !== 0 && !seen.has(at);) {
    if (seen.size === MAX_DIRECTORIES) throw new CorruptImageError(label, { en: `it has more than ${MAX_DIRECTORIES} pages`, zh: `页数超过 ${MAX_DIRECTORIES}` })
    seen.add(at)
    const start = await reader.from(at, sizes.count)
    if (start.length < sizes.count) return
    const end = at + sizes.count + number(start, 0, sizes.count) * sizes.entry
    const next = await reader.from(end, sizes.offset)
    if (next.length < sizes.offset) return
    at = number(next, 0, sizes.offset)
  }
}
