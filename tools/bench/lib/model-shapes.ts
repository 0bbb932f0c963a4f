import type { TensorType } from '../../lib/gguf.ts'

/** Sizes of a model of the Qwen2-VL family. */
export interface ModelShape {
  text: {
    layers: number
    width: number
    heads: number
    kvHeads: number
    feedForward: number
    vocabulary: number
    ropeSections: readonly number[]
  }
  vision: { layers: number, width: number, heads: number, feedForward: number }
}

export const SHAPES = {
  /**
   * About 0.3 billion parameters, with an encoder in proportion: as with Qwen2-VL-2B, encoding an image of 1000 tokens
   * takes about three times as long as the prefill of its embeddings.
   */
  small: {
    text: {
      layers: 14,
      width: 1024,
      heads: 16,
      kvHeads: 2,
      feedForward: 2816,
      vocabulary: 64_000,
      ropeSections: [8, 12, 12, 0]
    },
    vision: { layers: 16, width: 512, heads: 8, feedForward: 2048 }
  },
  /** Qwen2-VL-2B-Instruct. */
  '2b': {
    text: {
      layers: 28,
      width: 1536,
      heads: 12,
      kvHeads: 2,
      feedForward: 8960,
      vocabulary: 151_936,
      ropeSections: [16, 24, 24, 0]
    },
    vision: { layers: 32, width: 1280, heads: 16, feedForward: 5120 }
  }
} satisfies Record<string, ModelShape>

export type ShapeName = keyof typeof SHAPES

/** Side of a patch in pixels. */
export const PATCH = 14
/** Side in patches of the square that becomes one token. */
export const MERGE = 2

export interface TensorPlan {
  name: string
  shape: readonly number[]
  type: TensorType
  /** Ones for norms, or the standard deviation of random weights. */
  fill: 'ones' | number
}

/** All tensors of the text model. */
export function textTensors (
  { text: { layers, width, heads, kvHeads, feedForward, vocabulary } }: ModelShape, type: TensorType
): TensorPlan[] {
  const kvWidth = width / heads * kvHeads
  // These are quantised less than the rest, as llama.cpp's quantiser does.
  const outer = type === 'Q4_0' ? 'Q8_0' : type
  return [
    { name: 'token_embd.weight', shape: [width, vocabulary], type: outer, fill: 0.02 },
    ones('output_norm.weight', width),
    // Logits with a standard deviation of 4 make some tokens clearly more likely, as in a trained model.
    { name: 'output.weight', shape: [width, vocabulary], type: outer, fill: 4 / Math.sqrt(width) },
    ...repeat(layers, 'blk', at => [
      ones(at('attn_norm.weight'), width),
      ...linear(at('attn_q'), width, width, type),
      ...linear(at('attn_k'), width, kvWidth, type),
      ...linear(at('attn_v'), width, kvWidth, type),
      matrix(at('attn_output.weight'), width, width, type),
      ones(at('ffn_norm.weight'), width),
      matrix(at('ffn_gate.weight'), width, feedForward, type),
      matrix(at('ffn_up.weight'), width, feedForward, type),
      matrix(at('ffn_down.weight'), feedForward, width, type)
    ])
  ]
}

/** All tensors of the projector. */
export function visionTensors (
  { text, vision: { layers, width, feedForward } }: ModelShape, type: TensorType
): TensorPlan[] {
  const merged = width * MERGE ** 2
  const patch = [PATCH, PATCH, 3, width]
  // The outputs of the two kernels, one for each frame of a video, are added for an image. ggml convolves in half
  // precision.
  const patchDeviation = 1 / Math.sqrt(2 * 3 * PATCH ** 2)
  return [
    { name: 'v.patch_embd.weight', shape: patch, type: 'F16', fill: patchDeviation },
    { name: 'v.patch_embd.weight.1', shape: patch, type: 'F16', fill: patchDeviation },
    ...repeat(layers, 'v.blk', at => [
      ...norm(at('ln1'), width),
      ...norm(at('ln2'), width),
      ...['attn_q', 'attn_k', 'attn_v', 'attn_out'].flatMap(name => linear(at(name), width, width, type)),
      ...linear(at('ffn_up'), width, feedForward, type),
      ...linear(at('ffn_down'), feedForward, width, type)
    ]),
    ...norm('v.post_ln', width),
    ...linear('mm.0', merged, merged, type),
    ...linear('mm.2', merged, text.width, type)
  ]
}

function repeat (layers: number, prefix: string, of: (at: (name: string) => string) => TensorPlan[]): TensorPlan[] {
  return Array.from({ length: layers }, (_, layer) => of(name => `${prefix}.${layer}.${name}`)).flat()
}

// Keeps the variance of its input.
function matrix (name: string, input: number, output: number, type: TensorType): TensorPlan {
  return { name, shape: [input, output], type, fill: 1 / Math.sqrt(input) }
}

function linear (name: string, input: number, output: number, type: TensorType): TensorPlan[] {
  return [matrix(`${name}.weight`, input, output, type), bias(`${name}.bias`, output)]
}

function norm (name: string, width: number): TensorPlan[] {
  return [ones(`${name}.weight`, width), bias(`${name}.bias`, width)]
}

function bias (name: string, width: number): TensorPlan {
  return { name, shape: [width], type: 'F32', fill: 0.02 }
}

function ones (name: string, width: number): TensorPlan {
  return { name, shape: [width], type: 'F32', fill: 'ones' }
}
