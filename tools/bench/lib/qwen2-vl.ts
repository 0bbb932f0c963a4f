import {
  linear, matrix, MERGE, norm, ones, outerTensors, patchTensors, repeat, type ModelShape
} from './tensor-plan.ts'

/** Sizes of a model of the Qwen2-VL family. */
export interface Qwen2VlSizes {
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

/** Side of a patch in pixels. */
const PATCH = 14

/** Describes the two files of a model of the Qwen2-VL family. */
export function qwen2Vl ({ text, vision }: Qwen2VlSizes): ModelShape {
  return {
    family: 'Qwen2-VL',
    architecture: 'qwen2vl',
    width: text.width,
    vocabulary: text.vocabulary,
    template: null,
    multiple: PATCH * MERGE,
    textMetadata: {
      'qwen2vl.block_count': { uint32: text.layers },
      'qwen2vl.feed_forward_length': { uint32: text.feedForward },
      'qwen2vl.attention.head_count': { uint32: text.heads },
      'qwen2vl.attention.head_count_kv': { uint32: text.kvHeads },
      'qwen2vl.rope.freq_base': { float32: 1e6 },
      'qwen2vl.rope.dimension_sections': { int32s: text.ropeSections }
    },
    textTensors (type) {
      const { layers, width, heads, kvHeads, feedForward, vocabulary } = text
      const kvWidth = width / heads * kvHeads
      return [
        ...outerTensors(width, vocabulary, type),
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
    },
    visionMetadata: {
      'clip.projector_type': 'qwen2vl_merger',
      'clip.vision.image_size': { uint32: 560 },
      'clip.vision.patch_size': { uint32: PATCH },
      'clip.vision.embedding_length': { uint32: vision.width },
      'clip.vision.feed_forward_length': { uint32: vision.feedForward },
      'clip.vision.block_count': { uint32: vision.layers },
      'clip.vision.attention.head_count': { uint32: vision.heads },
      'clip.vision.image_mean': { float32s: [0.48145466, 0.4578275, 0.40821073] },
      'clip.vision.image_std': { float32s: [0.26862954, 0.26130258, 0.27577711] }
    },
    visionTensors (type) {
      const { layers, width, feedForward } = vision
      const merged = width * MERGE ** 2
      return [
        ...patchTensors(PATCH, width),
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
  }
}
