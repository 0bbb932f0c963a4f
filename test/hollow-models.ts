import path from 'node:path'
import { writeHollowGguf, type GgufValue, type HollowTensor } from '../tools/lib/gguf.ts'

/** A family of models with the smallest header that llama.cpp's converters write for it. */
interface Shape {
  architecture: string
  projector: string
  patch: number
  deepstack: number
  sections: number[]
  hybrid?: boolean
  experts?: boolean
}

const QWEN3: Shape = {
  architecture: 'qwen3vl', projector: 'qwen3vl_merger', patch: 16, deepstack: 3, sections: [24, 20, 20, 0]
}
const QWEN35: Shape = { ...QWEN3, architecture: 'qwen35', deepstack: 0, sections: [11, 11, 10, 0], hybrid: true }
const QWEN2: Shape = {
  architecture: 'qwen2vl', projector: 'qwen2vl_merger', patch: 14, deepstack: 0, sections: [16, 24, 24, 0]
}
const SHAPES = {
  'qwen2-vl': QWEN2,
  'qwen2.5-vl': { ...QWEN2, projector: 'qwen2.5vl_merger' },
  'qwen3-vl': QWEN3,
  'qwen3-vl-moe': { ...QWEN3, architecture: 'qwen3vlmoe', experts: true },
  'qwen3.5': QWEN35,
  'qwen3.5-moe': { ...QWEN35, architecture: 'qwen35moe', experts: true }
} satisfies Record<string, Shape>

export type HollowFamily = keyof typeof SHAPES

const LAYERS = 8
const WIDTH = 256

/**
 * Writes a language model that has a header but no weights, for tests of headers.
 * @param metadata overrides keys of the header
 * @returns the file
 */
export function writeHollowModel (
  dir: string, family: HollowFamily, metadata: Record<string, GgufValue> = {}, name = `${family}.gguf`
): string {
  const { architecture, deepstack, sections, hybrid, experts }: Shape = SHAPES[family]
  const file = path.join(dir, name)
  const own: Record<string, GgufValue> = {
    block_count: { uint32: LAYERS },
    context_length: { uint32: 32_768 },
    embedding_length: { uint32: WIDTH },
    'attention.head_count': { uint32: 4 },
    'rope.dimension_sections': { int32s: sections },
    ...deepstack > 0 && { n_deepstack_layers: { uint32: deepstack } },
    ...hybrid && {
      'ssm.conv_kernel': { uint32: 4 },
      'ssm.state_size': { uint32: 128 },
      'ssm.group_count': { uint32: 2 },
      'ssm.time_step_rank': { uint32: 4 },
      'ssm.inner_size': { uint32: 512 }
    },
    ...experts && { expert_count: { uint32: 8 }, expert_used_count: { uint32: 2 } }
  }
  const isDraft = name.startsWith('draft')
  writeHollowGguf(file, {
    'general.architecture': architecture,
    'general.type': 'model',
    ...Object.fromEntries(Object.entries(own).map(([key, value]) => [`${architecture}.${key}`, value])),
    'tokenizer.ggml.tokens': { strings: ['a', '<|vision_start|>', '<|vision_end|>'] },
    'tokenizer.chat_template': '{{ messages }}',
    ...metadata
  }, [tensor(isDraft ? `blk.${LAYERS}.attn_norm.weight` : 'blk.0.attn_norm.weight', WIDTH)])
  return file
}

/**
 * Writes the projector of a family, also without weights.
 * @param metadata overrides keys of the header
 * @returns the file
 */
export function writeHollowProjector (
  dir: string, family: HollowFamily, metadata: Record<string, GgufValue> = {}, name = `mmproj-${family}.gguf`
): string {
  const { projector, patch, deepstack }: Shape = SHAPES[family]
  const file = path.join(dir, name)
  writeHollowGguf(file, {
    'general.architecture': 'clip',
    'general.type': 'mmproj',
    'clip.has_vision_encoder': true,
    'clip.projector_type': projector,
    'clip.vision.projection_dim': { uint32: WIDTH },
    'clip.vision.patch_size': { uint32: patch },
    'clip.vision.spatial_merge_size': { uint32: 2 },
    'clip.vision.embedding_length': { uint32: 128 },
    ...metadata
  }, [
    tensor('mm.2.bias', WIDTH),
    ...Array.from({ length: deepstack }, (_, layer) => tensor(`v.deepstack.${layer}.fc1.weight`, WIDTH))
  ])
  return file
}

function tensor (name: string, length: number): HollowTensor {
  return { name, shape: [length], type: 'F32' }
}
