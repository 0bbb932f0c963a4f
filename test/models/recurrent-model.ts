import { writeGguf } from '../../tools/lib/gguf.ts'
import { readDemoVocabulary, tokenizerMetadata } from './tokenizer.ts'
import { constant, matrix, toTensor, type Plan } from './weights.ts'

const LAYERS = 2
const WIDTH = 32
const INNER = 2 * WIDTH
const STATE = 8
const RANK = 4
const KERNEL = 4

/**
 * Writes a Mamba model with random weights and the embedded model's tokenizer and chat template. Its memory is one
 * state instead of KV cells, so the last tokens of a conversation cannot be removed.
 */
export async function writeRecurrentModel (file: string, seed: number): Promise<void> {
  const { vocabulary, template } = await readDemoVocabulary()
  writeGguf(file, {
    'general.architecture': 'mamba',
    'general.type': 'model',
    'general.name': 'random mamba',
    'mamba.context_length': { uint32: 4096 },
    'mamba.embedding_length': { uint32: WIDTH },
    'mamba.feed_forward_length': { uint32: 0 },
    'mamba.attention.head_count': { uint32: 0 },
    'mamba.block_count': { uint32: LAYERS },
    'mamba.ssm.conv_kernel': { uint32: KERNEL },
    'mamba.ssm.inner_size': { uint32: INNER },
    'mamba.ssm.state_size': { uint32: STATE },
    'mamba.ssm.time_step_rank': { uint32: RANK },
    'mamba.attention.layer_norm_rms_epsilon': { float32: 1e-5 },
    ...tokenizerMetadata(vocabulary, 'qwen2', template)
  }, plans(vocabulary.tokens.length).map(plan => toTensor(plan, 'F32', seed)))
}

function plans (tokens: number): Plan[] {
  return [
    matrix('token_embd.weight', [WIDTH, tokens]),
    constant('output_norm.weight', WIDTH, 4),
    matrix('output.weight', [WIDTH, tokens]),
    ...Array.from({ length: LAYERS }, (_, layer) => {
      const at = (name: string) => `blk.${layer}.${name}`
      return [
        constant(at('attn_norm.weight'), WIDTH, 1),
        matrix(at('ssm_in.weight'), [WIDTH, 2 * INNER]),
        matrix(at('ssm_conv1d.weight'), [KERNEL, INNER]),
        constant(at('ssm_conv1d.bias'), INNER, 0),
        matrix(at('ssm_x.weight'), [INNER, RANK + 2 * STATE]),
        matrix(at('ssm_dt.weight'), [RANK, INNER]),
        constant(at('ssm_dt.bias'), INNER, 1),
        { ...constant(at('ssm_a'), 0, -0.001), shape: [STATE, INNER] },
        constant(at('ssm_d'), INNER, 1),
        matrix(at('ssm_out.weight'), [INNER, WIDTH])
      ]
    }).flat()
  ]
}
