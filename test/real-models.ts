import { writeHollowGguf, type GgufValue, type HollowTensor } from '../tools/lib/gguf.ts'

/**
 * The shape of a real model, from the `config.json` of its repository (Qwen3-VL: `text_config` and `vision_config`).
 */
export interface RealShape {
  architecture: 'qwen2vl' | 'qwen3vl'
  text: {
    layers: number
    width: number
    heads: number
    kvHeads: number
    headSize: number
    feedForward: number
    vocabulary: number
    context: number
    tied: boolean
  }
  vision: {
    projector: string
    layers: number
    width: number
    heads: number
    feedForward: number
    patch: number
    deepstack: number[]
  }
}

const qwen3 = (text: Partial<RealShape['text']>, vision: Partial<RealShape['vision']>): RealShape => ({
  architecture: 'qwen3vl',
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
  vision: {
    projector: 'qwen3vl_merger',
    layers: 24,
    width: 1024,
    heads: 16,
    feedForward: 4096,
    patch: 16,
    deepstack: [5, 11, 17],
    ...vision
  }
})
const qwen25 = (text: Partial<RealShape['text']>): RealShape => ({
  architecture: 'qwen2vl',
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

/** The models of the presets. */
export const REAL_SHAPES: Record<string, RealShape> = {
  'qwen3-vl-2b': qwen3({ layers: 28, width: 2048, heads: 16, feedForward: 6144, tied: true }, {}),
  'qwen3-vl-4b': qwen3({ width: 2560, feedForward: 9728, tied: true }, {}),
  'qwen3-vl-8b': qwen3({}, { layers: 27, width: 1152, feedForward: 4304, deepstack: [8, 16, 24] }),
  'qwen2.5-vl-3b': qwen25({
    layers: 36, width: 2048, heads: 16, kvHeads: 2, feedForward: 11_008, vocabulary: 151_936, tied: true
  }),
  'qwen2.5-vl-7b': qwen25({})
}

const MERGED = 4

/** Writes a language model of zeros in Q4_K_M. Each tensor has the size that llama.cpp's quantiser gives it. */
export function writeRealModel (file: string, { architecture, text }: RealShape): void {
  const { layers, width, heads, kvHeads, headSize, feedForward, vocabulary, context } = text
  const key = (name: string) => `${architecture}.${name}`
  writeHollowGguf(file, {
    'general.architecture': architecture,
    'general.type': 'model',
    'general.file_type': { uint32: 15 },
    'general.quantization_version': { uint32: 2 },
    [key('block_count')]: { uint32: layers },
    [key('context_length')]: { uint32: context },
    [key('embedding_length')]: { uint32: width },
    [key('feed_forward_length')]: { uint32: feedForward },
    [key('attention.head_count')]: { uint32: heads },
    [key('attention.head_count_kv')]: { uint32: kvHeads },
    [key('attention.key_length')]: { uint32: headSize },
    [key('attention.value_length')]: { uint32: headSize },
    [key('attention.layer_norm_rms_epsilon')]: { float32: 1e-6 },
    [key('rope.freq_base')]: { float32: architecture === 'qwen3vl' ? 5e6 : 1e6 },
    [key('rope.dimension_sections')]: { int32s: architecture === 'qwen3vl' ? [24, 20, 20, 0] : [16, 24, 24, 0] },
    ...architecture === 'qwen3vl' && { [key('n_deepstack_layers')]: { uint32: 3 } },
    'tokenizer.ggml.model': 'gpt2',
    'tokenizer.ggml.pre': 'qwen2',
    'tokenizer.ggml.tokens': {
      strings: Array.from({ length: vocabulary }, (_, index) => index === 0 ? 'Ċ' : `t${index}`)
    },
    'tokenizer.ggml.token_type': { int32s: new Array(vocabulary).fill(1) },
    'tokenizer.ggml.merges': { strings: ['t 1'] },
    'tokenizer.ggml.eos_token_id': { uint32: 1 },
    'tokenizer.ggml.add_bos_token': false,
    'tokenizer.chat_template': '{% for message in messages %}{{ message.content }}{% endfor %}'
  }, textTensors(architecture, text))
}

/** Writes the projector of the model in Q8_0, also of zeros. */
export function writeRealProjector (
  file: string, { text, vision }: RealShape, metadata: Record<string, GgufValue> = {}
): void {
  const { projector, layers, width, heads, feedForward, patch, deepstack } = vision
  writeHollowGguf(file, {
    'general.architecture': 'clip',
    'general.type': 'mmproj',
    'general.file_type': { uint32: 7 },
    'general.quantization_version': { uint32: 2 },
    'clip.has_vision_encoder': true,
    'clip.projector_type': projector,
    'clip.vision.projection_dim': { uint32: text.width },
    'clip.vision.image_size': { uint32: patch === 16 ? 768 : 560 },
    'clip.vision.patch_size': { uint32: patch },
    'clip.vision.spatial_merge_size': { uint32: 2 },
    'clip.vision.embedding_length': { uint32: width },
    'clip.vision.feed_forward_length': { uint32: feedForward },
    'clip.vision.block_count': { uint32: layers },
    'clip.vision.attention.head_count': { uint32: heads },
    'clip.vision.attention.layer_norm_epsilon': { float32: 1e-6 },
    'clip.vision.image_mean': { float32s: [0.5, 0.5, 0.5] },
    'clip.vision.image_std': { float32s: [0.5, 0.5, 0.5] },
    ...projector === 'qwen2.5vl_merger'
      ? { 'clip.vision.n_wa_pattern': { uint32: 8 }, 'clip.use_silu': true }
      : { 'clip.use_gelu': true },
    ...deepstack.length > 0 && {
      'clip.vision.is_deepstack_layers': {
        bools: Array.from({ length: layers }, (_, layer) => deepstack.includes(layer))
      }
    },
    ...metadata
  }, visionTensors(text.width, vision))
}

function textTensors (
  architecture: RealShape['architecture'],
  { layers, width, heads, kvHeads, headSize, feedForward, vocabulary, tied }: RealShape['text']
): HollowTensor[] {
  // The recipe of llama.cpp for Q4_K_M: half of the layers of two matrices, and the output matrix, are in Q6_K.
  const finer = (layer: number): HollowTensor['type'] => layer < Math.floor(layers / 8) ||
    layer >= Math.floor(7 * layers / 8) ||
    (layer - Math.floor(layers / 8)) % 3 === 2
    ? 'Q6_K'
    : 'Q4_K'
  const queries = heads * headSize
  const keys = kvHeads * headSize
  return [
    tensor('token_embd.weight', tied ? 'Q6_K' : 'Q4_K', width, vocabulary),
    tensor('output_norm.weight', 'F32', width),
    ...tied ? [] : [tensor('output.weight', 'Q6_K', width, vocabulary)],
    ...Array.from({ length: layers }, (_, layer) => {
      const at = (name: string) => `blk.${layer}.${name}`
      return [
        tensor(at('attn_norm.weight'), 'F32', width),
        tensor(at('attn_q.weight'), 'Q4_K', width, queries),
        tensor(at('attn_k.weight'), 'Q4_K', width, keys),
        tensor(at('attn_v.weight'), finer(layer), width, keys),
        ...architecture === 'qwen3vl'
          ? [tensor(at('attn_q_norm.weight'), 'F32', headSize), tensor(at('attn_k_norm.weight'), 'F32', headSize)]
          : [
              tensor(at('attn_q.bias'), 'F32', queries), tensor(at('attn_k.bias'), 'F32', keys),
              tensor(at('attn_v.bias'), 'F32', keys)
            ],
        tensor(at('attn_output.weight'), 'Q4_K', queries, width),
        tensor(at('ffn_norm.weight'), 'F32', width),
        tensor(at('ffn_gate.weight'), 'Q4_K', width, feedForward),
        tensor(at('ffn_up.weight'), 'Q4_K', width, feedForward),
        tensor(at('ffn_down.weight'), finer(layer), feedForward, width)
      ]
    }).flat()
  ]
}

function visionTensors (
  textWidth: number, { projector, layers, width, feedForward, patch, deepstack }: RealShape['vision']
): HollowTensor[] {
  const merged = width * MERGED
  const isQwen25 = projector === 'qwen2.5vl_merger'
  const isQwen3 = projector === 'qwen3vl_merger'
  const norm = (name: string, size: number) =>
    [tensor(`${name}.weight`, 'F32', size), ...isQwen25 ? [] : [tensor(`${name}.bias`, 'F32', size)]]
  const linear = (name: string, input: number, output: number) =>
    [tensor(`${name}.weight`, input % 32 === 0 ? 'Q8_0' : 'F16', input, output), tensor(`${name}.bias`, 'F32', output)]
  return [
    tensor('v.patch_embd.weight', 'F16', patch, patch, 3, width),
    tensor('v.patch_embd.weight.1', 'F16', patch, patch, 3, width),
    ...isQwen3 ? [tensor('v.patch_embd.bias', 'F32', width), tensor('v.position_embd.weight', 'F32', width, 2304)] : [],
    ...Array.from({ length: layers }, (_, layer) => {
      const at = (name: string) => `v.blk.${layer}.${name}`
      return [
        ...norm(at('ln1'), width),
        ...norm(at('ln2'), width),
        ...isQwen3
          ? linear(at('attn_qkv'), width, 3 * width)
          : ['attn_q', 'attn_k', 'attn_v'].flatMap(name => linear(at(name), width, width)),
        ...linear(at('attn_out'), width, width),
        ...isQwen25 ? linear(at('ffn_gate'), width, feedForward) : [],
        ...linear(at('ffn_up'), width, feedForward),
        ...linear(at('ffn_down'), feedForward, width)
      ]
    }).flat(),
    ...deepstack.flatMap(layer => [
      ...norm(`v.deepstack.${layer}.norm`, merged),
      ...linear(`v.deepstack.${layer}.fc1`, merged, merged),
      ...linear(`v.deepstack.${layer}.fc2`, merged, textWidth)
    ]),
    ...norm('v.post_ln', width),
    ...linear('mm.0', merged, merged),
    ...linear('mm.2', merged, textWidth)
  ]
}

function tensor (name: string, type: HollowTensor['type'], ...shape: number[]): HollowTensor {
  return { name, type, shape }
}
