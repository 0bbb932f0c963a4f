import path from 'node:path'
import { ROOT } from '../../../config/root.ts'
import { DEMO } from '../../../models/presets.ts'
import { makeModel, type ModelPair } from '../make-model.ts'
import { SHAPES, type ShapeName } from './model-shapes.ts'

export interface BenchModel extends ModelPair {
  name: string
  /** Whether the model never ends its answer, so that the benchmark sets its length. */
  endless: boolean
  /** KV cells of one sequence. */
  contextSize: number
  /** `side`: pixels on each side of the square that one token covers. */
  imageTokens: { min: number, max: number, side: number }
  /** An image that no contender needs to resample. */
  image: { width: number, height: number }
}

export const MODEL_NAMES = ['demo', ...Object.keys(SHAPES) as ShapeName[]] as const
export type ModelName = typeof MODEL_NAMES[number]

/** Finds a model for benchmarks. Models with random weights are written on first use. */
export async function findModel (name: ModelName): Promise<BenchModel> {
  if (name === 'demo') {
    return {
      name: 'the embedded demo model',
      model: path.join(ROOT, DEMO.model),
      mmproj: path.join(ROOT, DEMO.mmproj),
      endless: false,
      contextSize: 4096,
      imageTokens: { min: 16, max: 36, side: 28 },
      image: { width: 168, height: 140 }
    }
  }
  const { family, multiple } = SHAPES[name]
  return {
    ...await makeModel({ preset: name }),
    name: `random weights in the shape of ${family}, preset ${name}, Q8_0`,
    endless: true,
    contextSize: 8192,
    // 26 by 20 tokens: large enough for the encoder to dominate, small enough for many rounds on two cores.
    imageTokens: { min: 8, max: 520, side: multiple },
    image: { width: 26 * multiple, height: 20 * multiple }
  }
}
