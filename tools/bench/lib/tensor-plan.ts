import type { GgufValue, TensorType } from '../../lib/gguf.ts'

/** The two files of a model without those parts that all families share. */
export interface ModelShape {
  /** Name for people. */
  family: string
  /** llama.cpp's name of the language model's architecture. */
  architecture: string
  /** Width of the embedding of a token. */
  width: number
  vocabulary: number
  /** File of llama.cpp's folder of chat templates; null for the template of the embedded model. */
  template: string | null
  /** Sides of images are multiples of this many pixels. */
  multiple: number
  textMetadata: Record<string, GgufValue>
  textTensors (type: TensorType): TensorPlan[]
  visionMetadata: Record<string, GgufValue>
  visionTensors (type: TensorType): TensorPlan[]
}

/** A tensor to write. */
export interface TensorPlan {
  name: string
  shape: readonly number[]
  type: TensorType
  /** The standard deviation of random weights, or one value for all. */
  fill: number | { value: number }
}

/** Side in patches of the square of pixels that becomes one token. */
export const MERGE = 2

/** Repeats tensors for each layer. `at` adds the prefix of the layer to a name. */
export function repeat (
  layers: number, prefix: string, of: (at: (name: string) => string, layer: number) => TensorPlan[]
): TensorPlan[] {
  return Array.from({ length: layers }, (_, layer) => of(name => `${prefix}.${layer}.${name}`, layer)).flat()
}

/** A matrix that keeps the variance of its input. */
export function matrix (name: string, input: number, output: number, type: TensorType): TensorPlan {
  return { name, shape: [input, output], type, fill: 1 / Math.sqrt(input) }
}

export function linear (name: string, input: number, output: number, type: TensorType): TensorPlan[] {
  return [matrix(`${name}.weight`, input, output, type), bias(`${name}.bias`, output)]
}

export function norm (name: string, width: number): TensorPlan[] {
  return [ones(`${name}.weight`, width), bias(`${name}.bias`, width)]
}

export function bias (name: string, width: number): TensorPlan {
  return { name, shape: [width], type: 'F32', fill: 0.02 }
}

export function ones (name: string, width: number): TensorPlan {
  return { name, shape: [width], type: 'F32', fill: { value: 1 } }
}

/** The embeddings and the output matrix. They are quantised less than the rest, as llama.cpp's quantiser does. */
export function outerTensors (width: number, vocabulary: number, type: TensorType): TensorPlan[] {
  const outer = type === 'Q4_0' ? 'Q8_0' : type
  return [
    { name: 'token_embd.weight', shape: [width, vocabulary], type: outer, fill: 0.02 },
    ones('output_norm.weight', width),
    // Logits with a standard deviation of 4 make some tokens clearly more likely, as in a trained model.
    { name: 'output.weight', shape: [width, vocabulary], type: outer, fill: 4 / Math.sqrt(width) }
  ]
}

/** The two kernels of the first layer, one for each frame of a video. For an image, their outputs are added. */
export function patchTensors (patch: number, width: number): TensorPlan[] {
  const shape = [patch, patch, 3, width]
  // ggml convolves in half precision.
  const fill = 1 / Math.sqrt(2 * 3 * patch ** 2)
  return ['v.patch_embd.weight', 'v.patch_embd.weight.1'].map(name => ({ name, shape, type: 'F16', fill }))
}
