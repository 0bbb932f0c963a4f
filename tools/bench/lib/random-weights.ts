import { generator } from '../../lib/random.ts'
import type { TensorType } from '../../lib/gguf.ts'
import { half } from '../../lib/quantise.ts'

/**
 * Makes rows of random weights, uniform around zero, in the layouts of ggml-common.h. A benchmark needs only their
 * spread, so quantised blocks are drawn directly.
 */

export interface RandomRows {
  rows: number
  /** A multiple of 32 for Q4_0 and Q8_0. */
  columns: number
  type: TensorType
  /** Standard deviation. */
  deviation: number
  seed: number
}

const PIECE_ELEMENTS = 1 << 22
const BLOCK = 32
/** Standard deviation of the integers from -127 to 127. */
const INT8_DEVIATION = 73.3
/** Standard deviation of the integers from -8 to 7. */
const INT4_DEVIATION = 4.61

/** Yields the bytes of a matrix, some megabytes at a time. The same arguments give the same bytes. */
export function * randomRows ({ rows, columns, type, deviation, seed }: RandomRows): Generator<Uint8Array> {
  const random = words(seed)
  const fill = fillers[type](deviation)
  const step = Math.max(1, Math.floor(PIECE_ELEMENTS / columns))
  for (let row = 0; row < rows; row += step) yield fill(Math.min(step, rows - row) * columns, random)
}

/** Bytes of rows with zero weights. */
export function zeroRows (rows: number, columns: number, type: 'Q4_0' | 'Q8_0'): Uint8Array {
  const blocks = rows * columns / BLOCK
  if (type === 'Q8_0') return new Uint8Array(blocks * 34)
  // With a scale of 0, every nibble means 0.
  return new Uint8Array(blocks * 18)
}

type Words = () => number
type Fill = (elements: number, random: Words) => Uint8Array

const fillers: Record<TensorType, (deviation: number) => Fill> = {
  F32: deviation => (elements, random) => {
    const values = Float32Array.from({ length: elements }, () => uniform(random(), deviation))
    return new Uint8Array(values.buffer)
  },
  F16: deviation => {
    // Half precision is slow to compute and fast to look up.
    const halves = Uint16Array.from({ length: 4096 }, (_, i) => half(uniform((i + 0.5) * 2 ** 20, deviation)))
    return (elements, random) => {
      const values = new Uint16Array(elements)
      for (let i = 0; i < elements; i++) values[i] = halves[random() >>> 20]!
      return new Uint8Array(values.buffer)
    }
  },
  Q8_0: deviation => (elements, random) => {
    const bytes = blocks(elements, 34, half(deviation / INT8_DEVIATION), random)
    // ggml's quantisation never gives -128.
    for (let i = 0; i < bytes.length; i++) if (bytes[i] === 0x80 && i % 34 >= 2) bytes[i] = 0x81
    return bytes
  },
  Q4_0: deviation => (elements, random) => blocks(elements, 18, half(deviation / INT4_DEVIATION), random)
}

/** Makes blocks of a half-precision scale and random bytes. */
function blocks (elements: number, size: number, scale: number, random: Words): Uint8Array {
  const bytes = new Uint8Array(elements / BLOCK * size)
  const words = new Uint16Array(bytes.buffer)
  for (let i = 0; i < words.length; i++) words[i] = i % (size / 2) === 0 ? scale : random()
  return bytes
}

function words (seed: number): Words {
  const random = generator(seed)
  return () => (random() * 2 ** 32) >>> 0
}

/** @param word from 0 to 2³² */
function uniform (word: number, deviation: number): number {
  return (word / 2 ** 31 - 1) * Math.sqrt(3) * deviation
}
