/**
 * Shapes of the tiny models. The kinds of layers, the positions of images and the projectors are those of the real
 * models of each family; only the sizes are small.
 */

export type Family =
  | 'qwen2-vl' | 'qwen2.5-vl'
  | 'qwen3-vl' | 'qwen3-vl-thinking' | 'qwen3-vl-moe'
  | 'qwen3.5' | 'qwen3.5-moe' | 'qwen3.8'

export interface LanguageShape {
  /** llama.cpp's name. */
  architecture: 'qwen2vl' | 'qwen3vl' | 'qwen3vlmoe' | 'qwen35' | 'qwen35moe'
  width: number
  heads: number
  kvHeads: number
  /** Numbers of a head. */
  headSize: number
  feedForward: number
  ropeBase: number
  /** Numbers of a head that M-RoPE rotates. */
  ropeSize: number
  /** Pairs of numbers of a head for time, row and column. Their sum is half of `ropeSize`. */
  ropeSections: readonly [number, number, number, 0]
  /** Layers of the projector whose output is added to the first layers. */
  deepstack: number
  experts: ExpertShape | null
  recurrent: RecurrentShape | null
  /** Layers behind the others that draft tokens and that the service does not use. */
  draftLayers: number
}

export interface ExpertShape {
  count: number
  used: number
  feedForward: number
  /** Every token also uses one shared expert of this size; 0 for none. */
  shared: number
}

export interface RecurrentShape {
  /** Every layer of this number is an attention layer. */
  interval: number
  stateSize: number
  keyHeads: number
  valueHeads: number
  convolution: number
}

export interface VisionShape {
  /** llama.cpp's name. */
  projector: 'qwen2vl_merger' | 'qwen2.5vl_merger' | 'qwen3vl_merger'
  layers: number
  width: number
  heads: number
  feedForward: number
  /** Side of a patch in pixels. Four patches become one token. */
  patch: 14 | 16
  /** Layers whose output goes to the first layers of the language model. */
  deepstack: readonly number[]
  /** Every layer of this number attends to the whole image, the others to windows; 0 for no windows. */
  windowInterval: number
  minTokens: number
  maxTokens: number
}

export interface FamilyShape {
  language: LanguageShape
  vision: VisionShape
  /** The vocabulary has the tokens for thoughts and tool calls. */
  hasQwen3Tokens: boolean
  pre: 'qwen2' | 'qwen35'
}

const ATTENTION: LanguageShape = {
  architecture: 'qwen2vl',
  width: 128,
  heads: 4,
  kvHeads: 2,
  headSize: 32,
  feedForward: 256,
  ropeBase: 1e6,
  ropeSize: 32,
  ropeSections: [4, 6, 6, 0],
  deepstack: 0,
  experts: null,
  recurrent: null,
  draftLayers: 0
}
const QWEN3: LanguageShape =
  { ...ATTENTION, architecture: 'qwen3vl', ropeBase: 5e6, ropeSections: [6, 5, 5, 0], deepstack: 3 }
const QWEN35: LanguageShape = {
  ...ATTENTION,
  architecture: 'qwen35',
  headSize: 64,
  ropeBase: 1e7,
  ropeSize: 16,
  ropeSections: [3, 3, 2, 0],
  recurrent: { interval: 4, stateSize: 32, keyHeads: 2, valueHeads: 4, convolution: 4 }
}
const EXPERTS: ExpertShape = { count: 8, used: 2, feedForward: 64, shared: 0 }

const VISION: VisionShape = {
  projector: 'qwen2vl_merger',
  layers: 4,
  width: 64,
  heads: 2,
  feedForward: 128,
  patch: 14,
  deepstack: [],
  windowInterval: 0,
  minTokens: 12,
  maxTokens: 24
}
/** A window has 4 × 4 tokens, so these images have several. */
const WINDOWED: VisionShape =
  { ...VISION, projector: 'qwen2.5vl_merger', windowInterval: 2, minTokens: 20, maxTokens: 40 }
const VISION3: VisionShape = { ...VISION, projector: 'qwen3vl_merger', patch: 16 }
const DEEPSTACK: VisionShape = { ...VISION3, deepstack: [0, 1, 2] }

export const FAMILIES: Record<Family, FamilyShape> = {
  'qwen2-vl': { language: ATTENTION, vision: VISION, hasQwen3Tokens: false, pre: 'qwen2' },
  'qwen2.5-vl': { language: ATTENTION, vision: WINDOWED, hasQwen3Tokens: true, pre: 'qwen2' },
  'qwen3-vl': { language: QWEN3, vision: DEEPSTACK, hasQwen3Tokens: true, pre: 'qwen2' },
  'qwen3-vl-thinking': { language: QWEN3, vision: DEEPSTACK, hasQwen3Tokens: true, pre: 'qwen2' },
  'qwen3-vl-moe': {
    language: { ...QWEN3, architecture: 'qwen3vlmoe', experts: EXPERTS },
    vision: DEEPSTACK,
    hasQwen3Tokens: true,
    pre: 'qwen2'
  },
  'qwen3.5': { language: QWEN35, vision: VISION3, hasQwen3Tokens: true, pre: 'qwen35' },
  'qwen3.5-moe': {
    language: { ...QWEN35, architecture: 'qwen35moe', experts: { ...EXPERTS, shared: 64 } },
    vision: VISION3,
    hasQwen3Tokens: true,
    pre: 'qwen35'
  },
  'qwen3.8': { language: { ...QWEN35, draftLayers: 1 }, vision: VISION3, hasQwen3Tokens: true, pre: 'qwen35' }
}

/** Returns whether a layer, counted from 0, is recurrent. */
export function isRecurrent ({ recurrent }: LanguageShape, layer: number): boolean {
  return recurrent !== null && (layer + 1) % recurrent.interval !== 0
}
