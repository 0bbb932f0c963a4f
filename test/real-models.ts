import { writeHollowGguf, type GgufValue } from '../tools/lib/gguf.ts'
import type { RealShape } from './real-models/shapes.ts'
import { textTensors } from './real-models/text.ts'
import { visionTensors } from './real-models/vision.ts'

export { REAL_SHAPES } from './real-models/shapes.ts'

const VISION_TOKENS = ['<|vision_start|>', '<|vision_end|>']

/** Writes a language model of zeros in Q4_K_M. Each tensor has the size of the one in the published file. */
export function writeRealModel (file: string, shape: RealShape): void {
  const { architecture, text } = shape
  const { vocabulary } = text
  writeHollowGguf(file, {
    'general.architecture': architecture,
    'general.type': 'model',
    'general.file_type': { uint32: 15 },
    'general.quantization_version': { uint32: 2 },
    ...Object.fromEntries(Object.entries(hyperparameters(shape)).map(([key, value]) =>
      [`${architecture}.${key}`, value])),
    'tokenizer.ggml.model': 'gpt2',
    'tokenizer.ggml.pre': text.recurrent ? 'qwen35' : 'qwen2',
    'tokenizer.ggml.tokens': {
      strings: ['Ċ', ...VISION_TOKENS, ...Array.from({ length: vocabulary - 3 }, (_, index) => `t${index}`)]
    },
    'tokenizer.ggml.token_type': { int32s: new Array(vocabulary).fill(1) },
    'tokenizer.ggml.merges': { strings: ['t 1'] },
    'tokenizer.ggml.eos_token_id': { uint32: 1 },
    'tokenizer.ggml.add_bos_token': false,
    'tokenizer.chat_template': '{% for message in messages %}{{ message.content }}{% endfor %}'
  }, textTensors(shape))
}

function hyperparameters ({ architecture, text, vision }: RealShape): Record<string, GgufValue> {
  const { layers, width, heads, kvHeads, headSize, feedForward, context, recurrent, experts } = text
  const isQwen2 = architecture === 'qwen2vl'
  return {
    block_count: { uint32: layers },
    context_length: { uint32: context },
    embedding_length: { uint32: width },
    feed_forward_length: { uint32: feedForward },
    'attention.head_count': { uint32: heads },
    'attention.head_count_kv': { uint32: kvHeads },
    'attention.key_length': { uint32: headSize },
    'attention.value_length': { uint32: headSize },
    'attention.layer_norm_rms_epsilon': { float32: 1e-6 },
    'rope.freq_base': { float32: recurrent ? 1e7 : isQwen2 ? 1e6 : 5e6 },
    'rope.dimension_sections': { int32s: recurrent ? [11, 11, 10, 0] : isQwen2 ? [16, 24, 24, 0] : [24, 20, 20, 0] },
    ...vision.deepstack.length > 0 && { n_deepstack_layers: { uint32: vision.deepstack.length } },
    ...recurrent && {
      'rope.dimension_count': { uint32: headSize / 4 },
      full_attention_interval: { uint32: recurrent.interval },
      'ssm.conv_kernel': { uint32: recurrent.kernel },
      'ssm.state_size': { uint32: recurrent.stateSize },
      'ssm.group_count': { uint32: recurrent.keyHeads },
      'ssm.time_step_rank': { uint32: recurrent.valueHeads },
      'ssm.inner_size': { uint32: recurrent.valueHeads * recurrent.stateSize }
    },
    ...experts && {
      expert_count: { uint32: experts.count },
      expert_used_count: { uint32: experts.used },
      expert_feed_forward_length: { uint32: experts.feedForward },
      ...experts.shared > 0 && { expert_shared_feed_forward_length: { uint32: experts.shared } }
    }
  }
}

/** Writes the projector of the model, also of zeros. */
export function writeRealProjector (
  file: string, shape: RealShape, metadata: Record<string, GgufValue> = {}
): void {
  const { text, vision } = shape
  const { projector, layers, width, heads, feedForward, patch, deepstack } = vision
  writeHollowGguf(file, {
    'general.architecture': 'clip',
    'general.type': 'mmproj',
    'general.file_type': { uint32: shape.projectorType === 'Q8_0' ? 7 : 1 },
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
  }, visionTensors(shape))
}
