import type { TensorType } from './gguf.ts'

/** Converts numbers to the layouts of ggml-common.h. */

const BLOCK = 32

/**
 * Returns the bytes of a tensor.
 * @param values for Q8_0, rows of whole blocks of 32
 */
export function quantise (values: Float32Array, type: Exclude<TensorType, 'Q4_0'>): Uint8Array {
  if (type === 'F32') return new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
  if (type === 'F16') return new Uint8Array(Uint16Array.from(values, half).buffer)
  const bytes = new Uint8Array(values.length / BLOCK * 34)
  const view = new DataView(bytes.buffer)
  for (let from = 0, at = 0; from < values.length; from += BLOCK, at += 34) {
    const block = values.subarray(from, from + BLOCK)
    const scale = block.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / 127
    view.setUint16(at, half(scale), true)
    if (scale > 0) block.forEach((value, i) => view.setInt8(at + 2 + i, Math.round(value / scale)))
  }
  return bytes
}

/** The bits of the half-precision number nearest to `value`, which must not exceed 65504. It may be subnormal. */
export function half (value: number): number {
  const sign = value < 0 ? 0x8000 : 0
  const size = Math.abs(value)
  if (size < 2 ** -25) return sign
  const exponent = Math.max(Math.floor(Math.log2(size)), -14)
  const mantissa = Math.round((size / 2 ** exponent) * 1024)
  // A mantissa that rounds up to 2048 carries into the exponent. Below 1024 the number is subnormal.
  return sign | ((exponent + 14) * 1024 + mantissa)
}
