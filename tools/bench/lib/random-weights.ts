import { generator } from '../../lib/random.ts'
import type { TensorType } from '../../lib/gguf.ts'

/**
 * Rows of random weights, uniform around zero, in the layouts of ggml-common.h. Only their spread matters to a benchmark, so blocks
 * are drawn as they lie in the file and nothing is quantised.
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
// Of whole numbers from -127 to 127, and from -8 to 7.
const INT8_DEVIATION = 73.3
const INT4_DEVIATION = 4.61

/** The bytes of the matrix, a few megabytes at a time; the same for the same arguments. */
export function * randomRows ({ rows, columns, type, deviation, seed }: RandomRows): Generator<Uint8Array> {
  const random = words(seed)
  const fill = fillers[type](deviation)
  const step = Math.max(1, Math.floor(PIECE_ELEMENTS / columns))
  for (let row = 0; row < rows; row += step) yield fill(Math.min(step, rows - row) * columns, random)
}

/** As many bytes of zeros as rows of zero weights take. */
export function zeroRows (rows: number, columns: number, type: 'Q4_0' | 'Q8_0'): Uint8Array {
  const blocks = rows * columns / BLOCK
  if (type === 'Q8_0') return new Uint8Array(blocks * 34)
  // A nibble of 8 stands for 0, and so does every nibble when the scale is 0.
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
    // Half precision is slow to compute and quick to look up.
    const halves = Uint16Array.from({ length: 4096 }, (_, i) => half(uniform((i + 0.5) * 2 ** 20, deviation)))
    return (elements, random) => {
      const values = new Uint16Array(elements)
      for (let i = 0; i < elements; i++) values[i] = halves[random() >>> 20]!
      return new Uint8Array(values.buffer)
    }
  },
  Q8_0: deviation => (elements, random) => {
    const bytes = blocks(elements, 34, half(deviation / INT8_DEVIATION), random)
    // ggml's own quantisation never makes -128.
    for (let i = 0; i < bytes.length; i++) if (bytes[i] === 0x80 && i % 34 >= 2) bytes[i] = 0x81
    return bytes
  },
  Q4_0: deviation => (elements, random) => blocks(elements, 18, half(deviation / INT4_DEVIATION), random)
}

/** Blocks of a half-precision scale and random bytes. */
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

/** @param word 0 to 2³² */
function uniform (word: number, deviation: number): number {
  return (word / 2 ** 31 - 1) * Math.sqrt(3) * deviation
}

/** The bits of the half-precision number next to `value`; subnormal ones count as well, larger ones than 65504 do not. */
export function half (value: number): number {
  const sign = value < 0 ? 0x8000 : 0
  const size = Math.abs(value)
  if (size < 2 ** -25) return sign
  const exponent = Math.max(Math.floor(Math.log2(size)), -14)
  const mantissa = Math.round((size / 2 ** exponent) * 1024)
  // A mantissa that rounds up to 2048 carries into the exponent, as it should; below 1024 the number is subnormal.
  return sign | ((exponent + 14) * 1024 + mantissa)
}
