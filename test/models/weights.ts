import { elementsOf, type Tensor, type TensorType } from '../../tools/lib/gguf.ts'
import { quantise } from '../../tools/lib/quantise.ts'
import { generator } from '../../tools/lib/random.ts'

export type WeightType = Exclude<TensorType, 'Q4_0'>

/** A tensor before its numbers are drawn. */
export interface Plan {
  name: string
  /** In ggml's order: the length of a row comes first. */
  shape: readonly number[]
  /** Draws the number at an index; `random` yields numbers from 0 to below 1. Called in the order of the elements. */
  draw: (random: () => number, index: number) => number
  /** The type in the file if it differs from that of the other weights. */
  type?: WeightType
}

/** Random weights for `shape[0]` inputs: inputs of size 1 give outputs of size `gain`. */
export function matrix (name: string, shape: readonly number[], gain = 1): Plan {
  return { name, shape, draw: uniform(gain / Math.sqrt(shape[0]!)) }
}

/** Random numbers around zero, in F32 as in real files. */
export function vector (name: string, length: number, deviation: number): Plan {
  return { name, shape: [length], draw: uniform(deviation), type: 'F32' }
}

export function constant (name: string, length: number, value: number): Plan {
  return { name, shape: [length], draw: () => value, type: 'F32' }
}

/** The weight and bias of a layer. */
export function linear (name: string, input: number, output: number, gain = 1): Plan[] {
  return [matrix(`${name}.weight`, [input, output], gain), vector(`${name}.bias`, output, 0.02)]
}

function uniform (deviation: number): Plan['draw'] {
  return random => (2 * random() - 1) * Math.sqrt(3) * deviation
}

/** Draws the tensor's numbers. The same seed and name give the same numbers. */
export function toTensor (plan: Plan, type: WeightType, seed: number): Tensor {
  const { name, shape, draw } = plan
  return {
    name,
    shape,
    type: plan.type ?? type,
    data: () => {
      const random = generator(seedOf(seed, name))
      const values = Float32Array.from({ length: elementsOf({ shape }) }, (_, index) => draw(random, index))
      return [quantise(values, plan.type ?? type)]
    }
  }
}

/** Hashes the name (FNV-1a), so that the order of tensors does not matter. */
function seedOf (seed: number, name: string): number {
  let hash = 0x811c9dc5 ^ seed
  for (const byte of Buffer.from(name)) hash = Math.imul(hash ^ byte, 0x01000193)
  return hash
}
