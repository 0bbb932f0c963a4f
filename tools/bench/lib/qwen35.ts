import {
  bias, linear, matrix, MERGE, norm, ones, outerTensors, patchTensors, repeat, type ModelShape,
  type TensorPlan
} from './tensor-plan.ts'

/** Sizes of a hybrid model of the Qwen3.5 family. */
export interface Qwen35Sizes {
  text: {
    layers: number
    width: number
    /** Heads of the attention layers, every fourth layer. */
    heads: number
    kvHeads: number
    headSize: number
    /** Heads of the recurrent layers. Keys and values have `stateSize` elements per head. */
    keyHeads: number
    valueHeads: number
    stateSize: number
    feedForward: number
    vocabulary: number
  }
  vision: { layers: number, width: number, heads: number, feedForward: number }
}

/** Side of a patch in pixels. */
const PATCH = 16
const ATTENTION_INTERVAL = 4
const CONVOLUTION = 4
/** Part of a head that the rotary embedding rotates, and its sections for time, height and width. */
const ROTARY = { part: 0.25, sections: [11, 11, 10, 0] }
/** Rows and columns of the learned positions of patches. */
const POSITIONS = 48

/** Describes the two files of a model of the Qwen3.5 family. */
export function qwen35 ({ text, vision }: Qwen35Sizes): ModelShape {
  return {
    family: 'Qwen3.5',
    architecture: 'qwen35',
    width: text.width,
    vocabulary: text.vocabulary,
    template: 'Qwen3.5-4B.jinja',
    multiple: PATCH * MERGE,
    textMetadata: {
      'qwen35.block_count': { uint32: text.layers },
      'qwen35.feed_forward_length': { uint32: text.feedForward },
      'qwen35.attention.head_count': { uint32: text.heads },
      'qwen35.attention.head_count_kv': { uint32: text.kvHeads },
      'qwen35.attention.key_length': { uint32: text.headSize },
      'qwen35.attention.value_length': { uint32: text.headSize },
      'qwen35.rope.freq_base': { float32: 1e7 },
      'qwen35.rope.dimension_count': { uint32: text.headSize * ROTARY.part },
      'qwen35.rope.dimension_sections': { int32s: ROTARY.sections },
      'qwen35.full_attention_interval': { uint32: ATTENTION_INTERVAL },
      'qwen35.ssm.conv_kernel': { uint32: CONVOLUTION },
      'qwen35.ssm.state_size': { uint32: text.stateSize },
      'qwen35.ssm.group_count': { uint32: text.keyHeads },
      'qwen35.ssm.time_step_rank': { uint32: text.valueHeads },
      'qwen35.ssm.inner_size': { uint32: text.valueHeads * text.stateSize }
    },
    textTensors: type => [
      ...outerTensors(text.width, text.vocabulary, type),
      ...repeat(text.layers, 'blk', (at, layer) => [
        ones(at('attn_norm.weight'), text.width),
        ones(at('post_attention_norm.weight'), text.width),
        ...(layer + 1) % ATTENTION_INTERVAL === 0 ? attentionTensors(at, text, type) : recurrentTensors(at, text, type),
        matrix(at('ffn_gate.weight'), text.width, text.feedForward, type),
        matrix(at('ffn_up.weight'), text.width, text.feedForward, type),
        matrix(at('ffn_down.weight'), text.feedForward, text.width, type)
      ])
    ],
    visionMetadata: {
      'clip.projector_type': 'qwen3vl_merger',
      'clip.vision.image_size': { uint32: POSITIONS * PATCH },
      'clip.vision.patch_size': { uint32: PATCH },
      'clip.vision.embedding_length': { uint32: vision.width },
      'clip.vision.feed_forward_length': { uint32: vision.feedForward },
      'clip.vision.block_count': { uint32: vision.layers },
      'clip.vision.attention.head_count': { uint32: vision.heads },
      'clip.vision.image_mean': { float32s: [0.5, 0.5, 0.5] },
      'clip.vision.image_std': { float32s: [0.5, 0.5, 0.5] },
      'clip.use_gelu': true
    },
    visionTensors (type) {
      const { layers, width, feedForward } = vision
      const merged = width * MERGE ** 2
      return [
        ...patchTensors(PATCH, width),
        bias('v.patch_embd.bias', width),
        { name: 'v.position_embd.weight', shape: [width, POSITIONS ** 2], type: 'F32', fill: 0.02 },
        ...repeat(layers, 'v.blk', at => [
          ...norm(at('ln1'), width),
          ...norm(at('ln2'), width),
          ...linear(at('attn_qkv'), width, 3 * width, type),
          ...linear(at('attn_out'), width, width, type),
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

type At = (name: string) => string

function attentionTensors (
  at: At, { width, heads, kvHeads, headSize }: Qwen35Sizes['text'], type: TensorPlan['type']
): TensorPlan[] {
  return [
    // Queries and the gates of their heads.
    matrix(at('attn_q.weight'), width, 2 * heads * headSize, type),
    matrix(at('attn_k.weight'), width, kvHeads * headSize, type),
    matrix(at('attn_v.weight'), width, kvHeads * headSize, type),
    ones(at('attn_q_norm.weight'), headSize),
    ones(at('attn_k_norm.weight'), headSize),
    matrix(at('attn_output.weight'), heads * headSize, width, type)
  ]
}

function recurrentTensors (
  at: At, { width, keyHeads, valueHeads, stateSize }: Qwen35Sizes['text'], type: TensorPlan['type']
): TensorPlan[] {
  const [keys, values] = [keyHeads * stateSize, valueHeads * stateSize]
  return [
    matrix(at('attn_qkv.weight'), width, 2 * keys + values, type),
    matrix(at('attn_gate.weight'), width, values, type),
    { name: at('ssm_conv1d.weight'), shape: [CONVOLUTION, 2 * keys + values], type: 'F32', fill: 0.5 },
    { name: at('ssm_dt.bias'), shape: [valueHeads], type: 'F32', fill: { value: -3 } },
    // Negative rates of decay.
    { name: at('ssm_a'), shape: [valueHeads], type: 'F32', fill: { value: -0.5 } },
    matrix(at('ssm_beta.weight'), width, valueHeads, 'F32'),
    matrix(at('ssm_alpha.weight'), width, valueHeads, 'F32'),
    ones(at('ssm_norm.weight'), stateSize),
    matrix(at('ssm_out.weight'), values, width, type)
  ]
}
