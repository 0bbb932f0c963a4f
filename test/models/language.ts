import type { GgufValue } from '../../tools/lib/gguf.ts'
import { isRecurrent, type ExpertShape, type LanguageShape, type RecurrentShape } from './families.ts'
import { constant, matrix, vector, type Plan, type WeightType } from './weights.ts'

/** Strength of the random blocks, and the type of some of their matrices. */
export interface Blocks {
  /** Standard deviation of attention scores, before the softmax. */
  scores: number
  /** Output of an attention or recurrent block, relative to an embedding. */
  mixer: number
  /** Output of a feed-forward block, relative to an embedding. */
  feedForward: number
  /** Type of the matrices that choose experts. */
  routers: WeightType
}

/** Every block adds nothing: the output depends on the last token alone. */
export const SILENT: Blocks = { scores: 1, mixer: 0, feedForward: 0, routers: 'F32' }

export function languageMetadata (shape: LanguageShape, layers: number): Record<string, GgufValue> {
  const { architecture, experts, recurrent, deepstack, draftLayers } = shape
  const entries: Record<string, GgufValue> = {
    block_count: { uint32: layers + draftLayers },
    context_length: { uint32: 8192 },
    embedding_length: { uint32: shape.width },
    feed_forward_length: { uint32: shape.feedForward },
    'attention.head_count': { uint32: shape.heads },
    'attention.head_count_kv': { uint32: shape.kvHeads },
    'attention.key_length': { uint32: shape.headSize },
    'attention.value_length': { uint32: shape.headSize },
    'attention.layer_norm_rms_epsilon': { float32: 1e-6 },
    'rope.freq_base': { float32: shape.ropeBase },
    'rope.dimension_count': { uint32: shape.ropeSize },
    'rope.dimension_sections': { int32s: shape.ropeSections },
    ...deepstack > 0 && { n_deepstack_layers: { uint32: deepstack } },
    ...draftLayers > 0 && { nextn_predict_layers: { uint32: draftLayers } },
    ...experts && {
      expert_count: { uint32: experts.count },
      expert_used_count: { uint32: experts.used },
      expert_feed_forward_length: { uint32: experts.feedForward }
    },
    ...experts && experts.shared > 0 && { expert_shared_feed_forward_length: { uint32: experts.shared } },
    ...recurrent && {
      full_attention_interval: { uint32: recurrent.interval },
      'ssm.conv_kernel': { uint32: recurrent.convolution },
      'ssm.state_size': { uint32: recurrent.stateSize },
      'ssm.group_count': { uint32: recurrent.keyHeads },
      'ssm.time_step_rank': { uint32: recurrent.valueHeads },
      'ssm.inner_size': { uint32: recurrent.valueHeads * recurrent.stateSize }
    }
  }
  return Object.fromEntries(Object.entries(entries).map(([key, value]) => [`${architecture}.${key}`, value]))
}

/** All tensors but the embeddings of tokens and the output matrix. */
export function languagePlans (shape: LanguageShape, layers: number, blocks: Blocks): Plan[] {
  return [
    constant('output_norm.weight', shape.width, 1),
    ...Array.from({ length: layers }, (_, layer) => layerPlans(shape, layer, blocks)).flat(),
    ...Array.from({ length: shape.draftLayers }, (_, index) => draftPlans(shape, layers + index, blocks)).flat()
  ]
}

function layerPlans (shape: LanguageShape, layer: number, blocks: Blocks): Plan[] {
  const at = (name: string) => `blk.${layer}.${name}`
  const { width, recurrent } = shape
  return [
    constant(at('attn_norm.weight'), width, 1),
    constant(at(recurrent ? 'post_attention_norm.weight' : 'ffn_norm.weight'), width, 1),
    ...recurrent && isRecurrent(shape, layer)
      ? recurrentPlans(at, shape, recurrent, blocks)
      : attentionPlans(at, shape, blocks),
    ...shape.experts ? expertPlans(at, shape, shape.experts, blocks) : feedForwardPlans(at, shape, blocks)
  ]
}

type Naming = (name: string) => string

function attentionPlans (at: Naming, shape: LanguageShape, { scores, mixer }: Blocks): Plan[] {
  const { architecture, width, headSize, recurrent } = shape
  const queries = shape.heads * headSize
  const keys = shape.kvHeads * headSize
  const strength = Math.sqrt(scores)
  const isNormed = architecture !== 'qwen2vl'
  return [
    // Qwen3.5 and later models gate the output of each head by numbers that come from the same matrix.
    matrix(at('attn_q.weight'), [width, recurrent ? 2 * queries : queries], isNormed ? 1 : strength),
    matrix(at('attn_k.weight'), [width, keys], isNormed ? 1 : strength),
    matrix(at('attn_v.weight'), [width, keys]),
    ...isNormed
      ? [
          constant(at('attn_q_norm.weight'), headSize, strength),
          constant(at('attn_k_norm.weight'), headSize, strength)
        ]
      : [
          vector(at('attn_q.bias'), queries, 0.1), vector(at('attn_k.bias'), keys, 0.1),
          vector(at('attn_v.bias'), keys, 0.1)
        ],
    matrix(at('attn_output.weight'), [queries, width], mixer)
  ]
}

/** A gated delta net. */
function recurrentPlans (
  at: Naming, { width }: LanguageShape, { stateSize, keyHeads, valueHeads, convolution }: RecurrentShape,
  { mixer }: Blocks
): Plan[] {
  const values = valueHeads * stateSize
  const channels = 2 * keyHeads * stateSize + values
  return [
    matrix(at('attn_qkv.weight'), [width, channels]),
    matrix(at('attn_gate.weight'), [width, values]),
    { ...matrix(at('ssm_conv1d.weight'), [convolution, channels]), type: 'F32' },
    vector(at('ssm_dt.bias'), valueHeads, 1),
    // The state halves within 3 to 100 tokens.
    { name: at('ssm_a'), shape: [valueHeads], draw: random => -Math.exp(-5 * random()) / 4, type: 'F32' },
    matrix(at('ssm_beta.weight'), [width, valueHeads]),
    matrix(at('ssm_alpha.weight'), [width, valueHeads]),
    constant(at('ssm_norm.weight'), stateSize, 1),
    matrix(at('ssm_out.weight'), [values, width], mixer)
  ]
}

function feedForwardPlans (at: Naming, { width, feedForward }: LanguageShape, blocks: Blocks): Plan[] {
  return [
    matrix(at('ffn_gate.weight'), [width, feedForward]),
    matrix(at('ffn_up.weight'), [width, feedForward]),
    matrix(at('ffn_down.weight'), [feedForward, width], blocks.feedForward)
  ]
}

function expertPlans (
  at: Naming, { width }: LanguageShape, { count, feedForward, shared }: ExpertShape, blocks: Blocks
): Plan[] {
  return [
    { ...matrix(at('ffn_gate_inp.weight'), [width, count]), type: blocks.routers },
    matrix(at('ffn_gate_exps.weight'), [width, feedForward, count]),
    matrix(at('ffn_up_exps.weight'), [width, feedForward, count]),
    matrix(at('ffn_down_exps.weight'), [feedForward, width, count], blocks.feedForward),
    ...shared === 0
      ? []
      : [
          { ...matrix(at('ffn_gate_inp_shexp.weight'), [width]), type: 'F32' } as const,
          matrix(at('ffn_gate_shexp.weight'), [width, shared]),
          matrix(at('ffn_up_shexp.weight'), [width, shared]),
          matrix(at('ffn_down_shexp.weight'), [shared, width], blocks.feedForward)
        ]
  ]
}

/** A layer for multi-token prediction, which has attention and a feed-forward block of its own. */
function draftPlans (shape: LanguageShape, layer: number, blocks: Blocks): Plan[] {
  const at = (name: string) => `blk.${layer}.${name}`
  const { width } = shape
  return [
    constant(at('attn_norm.weight'), width, 1),
    constant(at('post_attention_norm.weight'), width, 1),
    ...attentionPlans(at, shape, blocks),
    ...shape.experts ? expertPlans(at, shape, shape.experts, blocks) : feedForwardPlans(at, shape, blocks),
    matrix(at('nextn.eh_proj.weight'), [2 * width, width]),
    constant(at('nextn.enorm.weight'), width, 1),
    constant(at('nextn.hnorm.weight'), width, 1),
    constant(at('nextn.shared_head_norm.weight'), width, 1)
  ]
}
