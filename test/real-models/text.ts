import type { HollowTensor } from '../../tools/lib/gguf.ts'
import type { Recipe, RealShape, TextShape } from './shapes.ts'

type Type = HollowTensor['type']

/** Returns the tensors of a language model with the types of its recipe. */
export function textTensors ({ architecture, text, recipe }: RealShape): HollowTensor[] {
  const { layers, width, vocabulary, tied, recurrent } = text
  return [
    tensor('token_embd.weight', tied ? 'Q6_K' : 'Q4_K', width, vocabulary),
    tensor('output_norm.weight', 'F32', width),
    ...tied ? [] : [tensor('output.weight', 'Q6_K', width, vocabulary)],
    ...Array.from({ length: layers }, (_, layer) => {
      const at = (name: string) => `blk.${layer}.${name}`
      const finer = isFiner(layer, layers)
      return [
        tensor(at('attn_norm.weight'), 'F32', width),
        ...recurrent && (layer + 1) % recurrent.interval !== 0
          ? recurrentTensors(at, text, recipe, finer)
          : attentionTensors(at, architecture, text, recipe, finer),
        tensor(at(recurrent ? 'post_attention_norm.weight' : 'ffn_norm.weight'), 'F32', width),
        ...text.experts ? expertTensors(at, text, recipe, finer) : denseTensors(at, text, recipe, finer)
      ]
    }).flat()
  ]
}

/** llama.cpp stores some matrices of half of the layers in Q6_K. */
function isFiner (layer: number, layers: number): boolean {
  const eighth = Math.floor(layers / 8)
  return layer < eighth || layer >= Math.floor(7 * layers / 8) || (layer - eighth) % 3 === 2
}

function attentionTensors (
  at: (name: string) => string, architecture: RealShape['architecture'],
  { width, heads, kvHeads, headSize, recurrent }: TextShape, recipe: Recipe, finer: boolean
): HollowTensor[] {
  const queries = heads * headSize
  const keys = kvHeads * headSize
  const usual: Type = recipe === 'ggml-org' ? 'Q8_0' : 'Q4_K'
  return [
    // Hybrid models gate the output of attention with a second half of the queries.
    tensor(at('attn_q.weight'), usual, width, recurrent ? 2 * queries : queries),
    tensor(at('attn_k.weight'), usual, width, keys),
    tensor(at('attn_v.weight'), usual === 'Q4_K' && finer ? 'Q6_K' : usual, width, keys),
    ...architecture === 'qwen2vl'
      ? [
          tensor(at('attn_q.bias'), 'F32', queries), tensor(at('attn_k.bias'), 'F32', keys),
          tensor(at('attn_v.bias'), 'F32', keys)
        ]
      : [tensor(at('attn_q_norm.weight'), 'F32', headSize), tensor(at('attn_k_norm.weight'), 'F32', headSize)],
    tensor(at('attn_output.weight'), usual, queries, width)
  ]
}

function recurrentTensors (
  at: (name: string) => string, { width, recurrent }: TextShape, recipe: Recipe, finer: boolean
): HollowTensor[] {
  const { valueHeads, keyHeads, stateSize, kernel } = recurrent!
  const values = valueHeads * stateSize
  const mixed = 2 * keyHeads * stateSize + values
  const usual: Type = recipe === 'ggml-org' ? 'Q8_0' : 'Q4_K'
  const mixedTypes: Record<Recipe, Type> = { 'ggml-org': 'Q8_0', unsloth: 'Q5_K', 'llama.cpp': finer ? 'Q6_K' : 'Q4_K' }
  return [
    tensor(at('attn_qkv.weight'), mixedTypes[recipe], width, mixed),
    tensor(at('attn_gate.weight'), usual, width, values),
    tensor(at('ssm_conv1d.weight'), 'F32', kernel, mixed),
    tensor(at('ssm_dt.bias'), 'F32', valueHeads),
    tensor(at('ssm_a'), 'F32', valueHeads),
    tensor(at('ssm_beta.weight'), recipe === 'llama.cpp' ? 'Q4_K' : 'Q8_0', width, valueHeads),
    tensor(at('ssm_alpha.weight'), recipe === 'llama.cpp' ? 'Q4_K' : 'Q8_0', width, valueHeads),
    tensor(at('ssm_norm.weight'), 'F32', stateSize),
    tensor(at('ssm_out.weight'), recipe === 'unsloth' ? 'Q5_K' : usual, values, width)
  ]
}

function denseTensors (
  at: (name: string) => string, { width, feedForward }: TextShape, recipe: Recipe, finer: boolean
): HollowTensor[] {
  return [
    tensor(at('ffn_gate.weight'), 'Q4_K', width, feedForward),
    tensor(at('ffn_up.weight'), 'Q4_K', width, feedForward),
    tensor(at('ffn_down.weight'), recipe !== 'ggml-org' && finer ? 'Q6_K' : 'Q4_K', feedForward, width)
  ]
}

function expertTensors (
  at: (name: string) => string, { width, experts }: TextShape, recipe: Recipe, finer: boolean
): HollowTensor[] {
  const { count, feedForward, shared } = experts!
  const usual: Type = recipe === 'ggml-org' ? 'Q8_0' : 'Q4_K'
  return [
    tensor(at('ffn_gate_inp.weight'), 'F32', width, count),
    tensor(at('ffn_gate_exps.weight'), 'Q4_K', width, feedForward, count),
    tensor(at('ffn_up_exps.weight'), 'Q4_K', width, feedForward, count),
    tensor(at('ffn_down_exps.weight'), recipe !== 'ggml-org' && finer ? 'Q6_K' : 'Q4_K', feedForward, width, count),
    ...shared === 0
      ? []
      : [
          tensor(at('ffn_gate_inp_shexp.weight'), 'F32', width),
          tensor(at('ffn_gate_shexp.weight'), usual, width, shared),
          tensor(at('ffn_up_shexp.weight'), usual, width, shared),
          tensor(at('ffn_down_shexp.weight'), usual, shared, width)
        ]
  ]
}

function tensor (name: string, type: Type, ...shape: number[]): HollowTensor {
  return { name, type, shape }
}
