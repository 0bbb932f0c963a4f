import type { GgufValue } from '../../tools/lib/gguf.ts'
import type { VisionShape } from './families.ts'
import { constant, linear, vector, type Plan } from './weights.ts'

/** Patches that become one token. */
const MERGED = 4
/** Learned positions per side; clip.cpp interpolates them to the size of the image. */
const POSITIONS = 8

/** @param embedding width of an embedding of the language model */
export function visionMetadata (shape: VisionShape, embedding: number): Record<string, GgufValue> {
  const { projector, layers, patch, deepstack, windowInterval } = shape
  const pixels = (tokens: number) => ({ uint32: tokens * MERGED * patch ** 2 })
  return {
    'clip.has_vision_encoder': true,
    'clip.projector_type': projector,
    'clip.vision.projection_dim': { uint32: embedding },
    'clip.vision.image_size': { uint32: POSITIONS * patch },
    'clip.vision.patch_size': { uint32: patch },
    'clip.vision.spatial_merge_size': { uint32: 2 },
    'clip.vision.embedding_length': { uint32: shape.width },
    'clip.vision.feed_forward_length': { uint32: shape.feedForward },
    'clip.vision.block_count': { uint32: layers },
    'clip.vision.attention.head_count': { uint32: shape.heads },
    'clip.vision.attention.layer_norm_epsilon': { float32: 1e-6 },
    'clip.vision.image_mean': { float32s: [0.5, 0.5, 0.5] },
    'clip.vision.image_std': { float32s: [0.5, 0.5, 0.5] },
    'clip.vision.image_min_pixels': pixels(shape.minTokens),
    'clip.vision.image_max_pixels': pixels(shape.maxTokens),
    ...projector === 'qwen3vl_merger' && {
      'clip.use_gelu': true,
      'clip.vision.is_deepstack_layers': {
        bools: Array.from({ length: layers }, (_, layer) => deepstack.includes(layer))
      }
    },
    ...windowInterval > 0 && { 'clip.use_silu': true, 'clip.vision.n_wa_pattern': { uint32: windowInterval } }
  }
}

export function visionPlans (shape: VisionShape, embedding: number): Plan[] {
  const { projector, layers, width, feedForward, patch, deepstack } = shape
  const isQwen25 = projector === 'qwen2.5vl_merger'
  const isQwen3 = projector === 'qwen3vl_merger'
  const merged = width * MERGED
  const norm = (name: string, size: number): Plan[] =>
    [constant(`${name}.weight`, size, 1), ...isQwen25 ? [] : [vector(`${name}.bias`, size, 0.02)]]
  return [
    patches('v.patch_embd.weight', patch, width),
    patches('v.patch_embd.weight.1', patch, width),
    ...isQwen3
      ? [
          vector('v.patch_embd.bias', width, 0.1),
          { ...vector('v.position_embd.weight', 0, 0.5), shape: [width, POSITIONS ** 2] }
        ]
      : [],
    ...Array.from({ length: layers }, (_, layer) => {
      const at = (name: string) => `v.blk.${layer}.${name}`
      return [
        ...norm(at('ln1'), width),
        ...norm(at('ln2'), width),
        ...isQwen3
          ? linear(at('attn_qkv'), width, 3 * width, 1.5)
          : ['attn_q', 'attn_k', 'attn_v'].flatMap(name => linear(at(name), width, width, 1.5)),
        ...linear(at('attn_out'), width, width),
        ...isQwen25 ? linear(at('ffn_gate'), width, feedForward) : [],
        ...linear(at('ffn_up'), width, feedForward),
        ...linear(at('ffn_down'), feedForward, width, 2)
      ]
    }).flat(),
    ...deepstack.flatMap(layer => [
      ...norm(`v.deepstack.${layer}.norm`, merged),
      ...linear(`v.deepstack.${layer}.fc1`, merged, merged),
      ...linear(`v.deepstack.${layer}.fc2`, merged, embedding)
    ]),
    ...norm('v.post_ln', width),
    ...linear('mm.0', merged, merged),
    ...linear('mm.2', merged, embedding, 2)
  ]
}

/** One of two kernels, whose outputs are added for an image. ggml convolves in half precision. */
function patches (name: string, patch: number, width: number): Plan {
  const deviation = Math.sqrt(3 / (2 * 3 * patch ** 2))
  return { name, shape: [patch, patch, 3, width], draw: random => (2 * random() - 1) * deviation, type: 'F16' }
}
