import path from 'node:path'
import { writeGguf, type GgufValue, type Tensor } from '../../tools/lib/gguf.ts'
import { FAMILIES, type Family } from './families.ts'
import { languageMetadata, languagePlans, type Blocks } from './language.ts'
import { templateOf } from './templates.ts'
import { isText, NORMAL, readDemoVocabulary, tokenizerMetadata, withQwen3Tokens, type Vocabulary } from './tokenizer.ts'
import { visionMetadata, visionPlans } from './vision.ts'
import { matrix, toTensor, type Plan, type WeightType } from './weights.ts'

export interface TinyModelOptions {
  family: Family
  /** Another seed gives another model. */
  seed?: number
  /** Type of the matrices. Vectors are F32. */
  type?: WeightType
  /** For families with recurrent layers, a multiple of four. */
  layers?: number
  /** Chat template; that of the family's real models by default. */
  template?: string
  /**
   * Type of the matrices that choose experts; F32 by default, as in real files. On CPUs the last bits of a product with
   * an F32 matrix depend on whether the batch has one row or several, so an answer can depend on the answers next to
   * it. With Q8_0 it does not.
   */
  routers?: WeightType
}

/** A written model, and the limits of its images. */
export interface TinyModel {
  family: Family
  /** Files. */
  model: string
  mmproj: string
  /** Sides of images are multiples of this many pixels; a token covers a square of this side. */
  multiple: number
  /** Limits of one image in tokens. */
  minTokens: number
  maxTokens: number
}

const CHAOTIC = { scores: 16, mixer: 8, feedForward: 8 }
/** ggml's numbers, for `general.file_type`. */
const FILE_TYPE: Record<WeightType, number> = { F32: 0, F16: 1, Q8_0: 7 }

/**
 * Writes a model with random weights, of some megabytes. Its greedy answers are chaotic: they depend on every token and
 * image of the prompt, and never end. The same options give the same files.
 *
 * @example
 * const { model, mmproj } = await writeTinyModel(t.testdir(), { family: 'qwen3.5', seed: 2 })
 * const engine = await createTestEngine(t, { model, mmproj })
 */
export async function writeTinyModel (
  dir: string, { family, seed = 1, type = 'Q8_0', layers = 8, template, routers = 'F32' }: TinyModelOptions
): Promise<TinyModel> {
  const { language: { width } } = FAMILIES[family]
  const vocabulary = await vocabularyOf(family)
  const { tokens } = vocabulary
  return writePair(dir, { family, name: `random-${family}-${layers}-${type}-${routers}-${seed}`, layers, type, seed }, {
    vocabulary,
    template: template ?? await templateOf(family),
    blocks: { ...CHAOTIC, routers },
    embeddings: toTensor(matrix('token_embd.weight', [width, tokens.length], Math.sqrt(width)), type, seed),
    output: outputOf(vocabulary, width, type, seed)
  })
}

export async function vocabularyOf (family: Family): Promise<Vocabulary> {
  const { vocabulary } = await readDemoVocabulary()
  return FAMILIES[family].hasQwen3Tokens ? withQwen3Tokens(vocabulary) : vocabulary
}

/** The output matrix. Special tokens and parts of characters have rows of zeros, so that they never win. */
function outputOf ({ tokens, types }: Vocabulary, width: number, type: WeightType, seed: number): Tensor {
  const plan = matrix('output.weight', [width, tokens.length], 4)
  const isSaid = tokens.map((token, id) => types[id] === NORMAL && isText(token))
  const draw: Plan['draw'] = (random, index) => {
    const value = plan.draw(random, index)
    return isSaid[Math.floor(index / width)] ? value : 0
  }
  return toTensor({ ...plan, draw }, type, seed)
}

export interface PairOptions { family: Family, name: string, layers: number, type: WeightType, seed: number }

export interface PairParts {
  vocabulary: Vocabulary
  template: string
  blocks: Blocks
  embeddings: Tensor
  output: Tensor
}

/** Writes a model and its projector. */
export function writePair (
  dir: string, { family, name, layers, type, seed }: PairOptions, parts: PairParts
): TinyModel {
  const { language, vision, pre } = FAMILIES[family]
  const model = path.join(dir, `${name}.gguf`)
  const mmproj = path.join(dir, `mmproj-${name}.gguf`)
  writeGguf(model, {
    ...general(language.architecture, 'model', name, type),
    ...languageMetadata(language, layers),
    ...tokenizerMetadata(parts.vocabulary, pre, parts.template)
  }, [
    parts.embeddings,
    parts.output,
    ...languagePlans(language, layers, parts.blocks).map(plan => toTensor(plan, type, seed))
  ])
  writeGguf(mmproj, {
    ...general('clip', 'mmproj', name, type),
    ...visionMetadata(vision, language.width)
  }, visionPlans(vision, language.width).map(plan => toTensor(plan, type, seed)))
  return { family, model, mmproj, multiple: 2 * vision.patch, minTokens: vision.minTokens, maxTokens: vision.maxTokens }
}

function general (architecture: string, type: string, name: string, weights: WeightType): Record<string, GgufValue> {
  return {
    'general.architecture': architecture,
    'general.type': type,
    'general.name': name,
    'general.file_type': { uint32: FILE_TYPE[weights] },
    'general.quantization_version': { uint32: 2 }
  }
}
