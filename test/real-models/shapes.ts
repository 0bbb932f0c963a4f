/**
 * The shape of a real model, from the `config.json` of its repository (Qwen3-VL and later: `text_config` and
 * `vision_config`).
 */
export interface RealShape {
  architecture: 'qwen2vl' | 'qwen3vl' | 'qwen3vlmoe' | 'qwen35' | 'qwen35moe'
  text: TextShape
  vision: VisionShape
  /** The types of the tensors in the published file. */
  recipe: Recipe
  /** The type of the projector in the published file. */
  projectorType: 'Q8_0' | 'F16'
}

export interface TextShape {
  layers: number
  width: number
  heads: number
  kvHeads: number
  headSize: number
  feedForward: number
  vocabulary: number
  context: number
  tied: boolean
  /** Every `interval`-th layer has attention; the others are recurrent. */
  recurrent?: { interval: number, valueHeads: number, keyHeads: number, stateSize: number, kernel: number }
  /** `shared` is the width of the shared expert, 0 without one. */
  experts?: { count: number, used: number, feedForward: number, shared: number }
}

export interface VisionShape {
  projector: string
  layers: number
  width: number
  heads: number
  feedForward: number
  patch: number
  deepstack: number[]
}

/**
 * Which tensors a publisher stores more finely than Q4_K.
 * - `llama.cpp`: llama.cpp's own recipe for Q4_K_M: half of the layers of `attn_v` and `ffn_down`, and the output, in
 *   Q6_K.
 * - `unsloth`: in addition, the recurrent layers have `attn_qkv` and `ssm_out` in Q5_K.
 * - `ggml-org`: attention, recurrent layers and the shared expert in Q8_0, the rest in Q4_K.
 */
export type Recipe = 'llama.cpp' | 'unsloth' | 'ggml-org'

const qwen3 = (
  text: Partial<TextShape>, vision: Partial<VisionShape>, architecture: RealShape['architecture'] = 'qwen3vl'
): RealShape => ({
  architecture,
  recipe: 'llama.cpp',
  projectorType: 'Q8_0',
  text: {
    layers: 36,
    width: 4096,
    heads: 32,
    kvHeads: 8,
    headSize: 128,
    feedForward: 12_288,
    vocabulary: 151_936,
    context: 262_144,
    tied: false,
    ...text
  },
  vision: { ...SMALL_TOWER, deepstack: [5, 11, 17], ...vision }
})

const SMALL_TOWER: VisionShape =
  { projector: 'qwen3vl_merger', layers: 24, width: 1024, heads: 16, feedForward: 4096, patch: 16, deepstack: [] }
const LARGE_TOWER: VisionShape = { ...SMALL_TOWER, layers: 27, width: 1152, feedForward: 4304 }
const LARGE_DEEPSTACK: VisionShape = { ...LARGE_TOWER, deepstack: [8, 16, 24] }

const qwen25 = (text: Partial<TextShape>): RealShape => ({
  architecture: 'qwen2vl',
  recipe: 'llama.cpp',
  projectorType: 'Q8_0',
  text: {
    layers: 28,
    width: 3584,
    heads: 28,
    kvHeads: 4,
    headSize: 128,
    feedForward: 18_944,
    vocabulary: 152_064,
    context: 128_000,
    tied: false,
    ...text
  },
  vision: {
    projector: 'qwen2.5vl_merger', layers: 32, width: 1280, heads: 16, feedForward: 3420, patch: 14, deepstack: []
  }
})

/** Qwen3.5, 3.6 and 3.8 share their shapes. */
const qwen35 = (
  { valueHeads, ...text }: Partial<TextShape> & { valueHeads: number }, vision: VisionShape,
  files: Pick<RealShape, 'recipe' | 'projectorType'>
): RealShape => ({
  architecture: text.experts ? 'qwen35moe' : 'qwen35',
  ...files,
  text: {
    layers: 32,
    width: 4096,
    heads: 16,
    kvHeads: 4,
    headSize: 256,
    feedForward: 12_288,
    vocabulary: 248_320,
    context: 262_144,
    tied: false,
    recurrent: { interval: 4, valueHeads, keyHeads: 16, stateSize: 128, kernel: 4 },
    ...text
  },
  vision
})

const UNSLOTH = { recipe: 'unsloth', projectorType: 'F16' } as const
const GGML_ORG = { recipe: 'ggml-org', projectorType: 'Q8_0' } as const

/** The models of the presets. */
export const REAL_SHAPES: Record<string, RealShape> = {
  'qwen3.5-2b': qwen35(
    { layers: 24, width: 2048, heads: 8, kvHeads: 2, feedForward: 6144, tied: true, valueHeads: 16 },
    SMALL_TOWER, UNSLOTH
  ),
  'qwen3.5-4b': qwen35({ width: 2560, feedForward: 9216, tied: true, valueHeads: 32 }, SMALL_TOWER, UNSLOTH),
  'qwen3.5-9b': qwen35({ valueHeads: 32 }, LARGE_TOWER, UNSLOTH),
  'qwen3.6-35b-a3b': qwen35({
    layers: 40,
    width: 2048,
    kvHeads: 2,
    feedForward: 0,
    valueHeads: 32,
    experts: { count: 256, used: 8, feedForward: 512, shared: 512 }
  }, LARGE_TOWER, GGML_ORG),
  'qwen3.8-27b': qwen35(
    { layers: 64, width: 5120, heads: 24, feedForward: 17_408, valueHeads: 48 }, LARGE_TOWER, GGML_ORG
  ),
  'qwen3-vl-2b': qwen3({ layers: 28, width: 2048, heads: 16, feedForward: 6144, tied: true }, {}),
  'qwen3-vl-4b': qwen3({ width: 2560, feedForward: 9728, tied: true }, {}),
  'qwen3-vl-8b': qwen3({}, LARGE_DEEPSTACK),
  'qwen3-vl-30b-a3b': qwen3({
    layers: 48,
    width: 2048,
    kvHeads: 4,
    feedForward: 6144,
    experts: { count: 128, used: 8, feedForward: 768, shared: 0 }
  }, LARGE_DEEPSTACK, 'qwen3vlmoe'),
  'qwen3-vl-32b': qwen3({ layers: 64, width: 5120, heads: 64, feedForward: 25_600 }, LARGE_DEEPSTACK),
  'qwen2.5-vl-3b': qwen25({
    layers: 36, width: 2048, heads: 16, kvHeads: 2, feedForward: 11_008, vocabulary: 151_936, tied: true
  }),
  'qwen2.5-vl-7b': qwen25({})
}
