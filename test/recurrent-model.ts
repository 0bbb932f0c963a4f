import path from 'node:path'
import { readGgufFileInfo } from 'node-llama-cpp'
import { elementsOf, writeGguf, type Tensor } from '../tools/lib/gguf.ts'
import { DEMO } from '../models/presets.ts'
import { ROOT } from '../config/root.ts'
import { generator } from '../tools/lib/random.ts'

interface Tokenizer {
  tokens: string[]
  token_type: number[]
  merges: string[]
  bos_token_id: number
  eos_token_id: number
}

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
  const { metadata } = await readGgufFileInfo(path.join(ROOT, DEMO.model), { logWarnings: false })
  const tokenizer = metadata.tokenizer.ggml as unknown as Tokenizer
  const random = generator(seed)
  const tensor = (name: string, shape: number[], value: () => number): Tensor => ({
    name,
    shape,
    type: 'F32',
    data: () => [new Uint8Array(Float32Array.from({ length: elementsOf({ shape }) }, value).buffer)]
  })
  const weights = (name: string, ...shape: number[]) =>
    tensor(name, shape, () => (random() - 0.5) * 2 / Math.sqrt(shape[0]!))
  const constant = (name: string, value: number, ...shape: number[]) => tensor(name, shape, () => value)

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
    'tokenizer.ggml.model': 'gpt2',
    'tokenizer.ggml.pre': 'qwen2',
    'tokenizer.ggml.tokens': { strings: tokenizer.tokens },
    'tokenizer.ggml.token_type': { int32s: tokenizer.token_type },
    'tokenizer.ggml.merges': { strings: tokenizer.merges },
    'tokenizer.ggml.bos_token_id': { uint32: tokenizer.bos_token_id },
    'tokenizer.ggml.eos_token_id': { uint32: tokenizer.eos_token_id },
    'tokenizer.ggml.add_bos_token': false,
    'tokenizer.chat_template': metadata.tokenizer.chat_template!
  }, [
    weights('token_embd.weight', WIDTH, tokenizer.tokens.length),
    constant('output_norm.weight', 4, WIDTH),
    weights('output.weight', WIDTH, tokenizer.tokens.length),
    ...Array.from({ length: LAYERS }, (_, layer) => [
      constant(`blk.${layer}.attn_norm.weight`, 1, WIDTH),
      weights(`blk.${layer}.ssm_in.weight`, WIDTH, 2 * INNER),
      weights(`blk.${layer}.ssm_conv1d.weight`, KERNEL, INNER),
      constant(`blk.${layer}.ssm_conv1d.bias`, 0, INNER),
      weights(`blk.${layer}.ssm_x.weight`, INNER, RANK + 2 * STATE),
      weights(`blk.${layer}.ssm_dt.weight`, RANK, INNER),
      constant(`blk.${layer}.ssm_dt.bias`, 1, INNER),
      constant(`blk.${layer}.ssm_a`, -0.001, STATE, INNER),
      constant(`blk.${layer}.ssm_d`, 1, INNER),
      weights(`blk.${layer}.ssm_out.weight`, INNER, WIDTH)
    ]).flat()
  ])
}
