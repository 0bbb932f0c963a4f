/**
 * Writes a language model and a projector with random weights, for measuring speed and memory at a realistic size. Its
 * answers are random words and never end. The same preset, types and seed give the same files.
 *
 *   npm run bench:make-model -- small            (or 2b, hybrid; --text Q4_0, --vision Q8_0, --seed 2)
 */
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { readGgufFileInfo } from 'node-llama-cpp'
import { ROOT } from '../../config/root.ts'
import { DEMO } from '../../models/presets.ts'
import { referenceProgram } from '../../native/vision.ts'
import { elementsOf, writeGguf, type GgufValue, type Tensor, type TensorType } from '../lib/gguf.ts'
import { SHAPES, type ShapeName } from './lib/model-shapes.ts'
import { MODELS_DIR } from './lib/paths.ts'
import { randomRows, zeroRows } from './lib/random-weights.ts'
import { MERGE, type ModelShape, type TensorPlan } from './lib/tensor-plan.ts'

export interface ModelPair { model: string, mmproj: string }

export interface MakeOptions {
  preset: ShapeName
  text?: 'Q8_0' | 'Q4_0'
  vision?: 'F16' | 'Q8_0'
  seed?: number
}

interface Tokenizer {
  tokens: string[]
  token_type: number[]
  merges: string[]
  bos_token_id: number
  eos_token_id: number
  padding_token_id: number
}

/** ggml's numbers of file types, for `general.file_type`. */
const FILE_TYPE = { F16: 1, Q4_0: 2, Q8_0: 7 }
const NORMAL_TOKEN = 1
const CONTEXT_LENGTH = 32_768

/** Writes the two files unless they exist. */
export async function makeModel ({ preset, text = 'Q8_0', vision = 'F16', seed = 1 }: MakeOptions): Promise<ModelPair> {
  const dir = path.join(MODELS_DIR, preset)
  const shape: ModelShape = SHAPES[preset]
  const name = `random-${shape.family.toLowerCase()}-${preset}-seed${seed}`
  const pair =
    { model: path.join(dir, `${name}-${text}.gguf`), mmproj: path.join(dir, `mmproj-${name}-${vision}.gguf`) }
  mkdirSync(dir, { recursive: true })
  if (!existsSync(pair.model)) await writeTextModel(pair.model, name, shape, text, seed)
  if (!existsSync(pair.mmproj)) writeProjector(pair.mmproj, name, shape, vision, seed)
  return pair
}

async function writeTextModel (
  file: string, name: string, shape: ModelShape, type: 'Q8_0' | 'Q4_0', seed: number
): Promise<void> {
  const { architecture, width, vocabulary } = shape
  // The tokenizer of the demo model is that of Qwen2-VL, with a smaller vocabulary.
  const { metadata } = await readGgufFileInfo(path.join(ROOT, DEMO.model), { logWarnings: false })
  const tokenizer = metadata.tokenizer.ggml as unknown as Tokenizer
  const known = tokenizer.tokens.length
  const words = Array.from({ length: vocabulary - known }, (_, i) => `Ġword${known + i}`)

  const template = shape.template === null
    ? String(metadata.tokenizer.chat_template)
    : readFileSync(path.join((await referenceProgram()).templates, shape.template), 'utf8')
  const plans = shape.textTensors(type)
  const tensors = plans.map(plan => toTensor(plan, seed, plan.name === 'output.weight' ? known : 0))
  writeGguf(file, {
    ...general(architecture, 'model', name, type),
    ...shape.textMetadata,
    [`${architecture}.context_length`]: { uint32: CONTEXT_LENGTH },
    [`${architecture}.embedding_length`]: { uint32: width },
    [`${architecture}.attention.layer_norm_rms_epsilon`]: { float32: 1e-6 },
    [`${architecture}.vocab_size`]: { uint32: vocabulary },
    'tokenizer.ggml.model': 'gpt2',
    'tokenizer.ggml.pre': 'qwen2',
    'tokenizer.ggml.tokens': { strings: [...tokenizer.tokens, ...words] },
    'tokenizer.ggml.token_type': { int32s: [...tokenizer.token_type, ...words.map(() => NORMAL_TOKEN)] },
    'tokenizer.ggml.merges': { strings: tokenizer.merges },
    'tokenizer.ggml.bos_token_id': { uint32: tokenizer.bos_token_id },
    'tokenizer.ggml.eos_token_id': { uint32: tokenizer.eos_token_id },
    'tokenizer.ggml.padding_token_id': { uint32: tokenizer.padding_token_id },
    'tokenizer.ggml.add_bos_token': false,
    'tokenizer.chat_template': template
  }, tensors)
  report(file, plans)
}

function writeProjector (file: string, name: string, shape: ModelShape, type: 'F16' | 'Q8_0', seed: number): void {
  const plans = shape.visionTensors(type)
  writeGguf(file, {
    ...general('clip', 'mmproj', name, type),
    ...shape.visionMetadata,
    'clip.has_vision_encoder': true,
    'clip.vision.projection_dim': { uint32: shape.width },
    'clip.vision.spatial_merge_size': { uint32: MERGE },
    'clip.vision.attention.layer_norm_epsilon': { float32: 1e-6 }
  }, plans.map(plan => toTensor(plan, seed, 0)))
  report(file, plans)
}

function general (
  architecture: string, type: string, name: string, fileType: keyof typeof FILE_TYPE
): Record<string, GgufValue> {
  return {
    'general.architecture': architecture,
    'general.type': type,
    'general.name': name,
    'general.description': 'random weights, for benchmarks',
    'general.file_type': { uint32: FILE_TYPE[fileType] },
    'general.quantization_version': { uint32: 2 }
  }
}

/**
 * @param silent number of zero rows at the start, for the tokens of the real tokenizer. Their logits are 0, far below
 *   the largest ones, so that these tokens never occur: the end of the answer, and bytes of incomplete characters.
 */
function toTensor ({ name, shape, type, fill }: TensorPlan, seed: number, silent: number): Tensor {
  const columns = shape[0]!
  const rows = elementsOf({ shape }) / columns
  if (typeof fill === 'object') {
    return { name, shape, type, data: () => [new Uint8Array(new Float32Array(columns).fill(fill.value).buffer)] }
  }
  const weights = { rows: rows - silent, columns, type, deviation: fill, seed: seedOf(seed, name) }
  return {
    name,
    shape,
    type,
    data: function * () {
      if (silent > 0) yield zeroRows(silent, columns, type as 'Q8_0' | 'Q4_0')
      yield * randomRows(weights)
    }
  }
}

/** A separate seed for each tensor, hashed from its name (FNV-1a), so that the order of tensors does not matter. */
function seedOf (seed: number, name: string): number {
  let hash = 0x811c9dc5 ^ seed
  for (const byte of Buffer.from(name)) hash = Math.imul(hash ^ byte, 0x01000193)
  return hash
}

function report (file: string, plans: TensorPlan[]): void {
  const parameters = plans.reduce((sum, plan) => sum + elementsOf(plan), 0)
  const millions = (count: number) => (count / 1e6).toFixed(0)
  const size = `${millions(parameters)} million parameters, ${millions(statSync(file).size)} MB`
  console.error(`${path.relative(ROOT, file)}: ${size}`)
}

/** @throws Error that lists the allowed values */
function oneOf<T extends string> (option: string, value: string, allowed: readonly T[]): T {
  const found = allowed.find(it => it === value)
  if (found === undefined) throw new Error(`${option} must be one of ${allowed.join(', ')}, got ${value}`)
  return found
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      text: { type: 'string', default: 'Q8_0' },
      vision: { type: 'string', default: 'F16' },
      seed: { type: 'string', default: '1' }
    }
  })
  await makeModel({
    preset: oneOf('preset', positionals[0] ?? 'small', Object.keys(SHAPES) as ShapeName[]),
    text: oneOf('--text', values.text, ['Q8_0', 'Q4_0'] satisfies TensorType[]),
    vision: oneOf('--vision', values.vision, ['F16', 'Q8_0'] satisfies TensorType[]),
    seed: Number(values.seed)
  })
}
