import type { Config } from '../../config/config.ts'
import type { PresetFigures } from '../../models/presets.ts'
import { visionInfo } from '../../services/models/headers.ts'
import {
  CHECKPOINTS_PER_SLOT, checkpointBytes, encodingBytes, recurrentStateBytes, type Machine, type MemoryNeeds
} from '../../services/models/memory.ts'
import { BATCH_SIZE, usesFlashAttention } from '../../services/models/requirements.ts'

/** The settings that determine how much memory a model needs. */
export type NeedsConfig =
  Pick<Config, 'contextSize' | 'maxPixels' | 'imageMinTokens' | 'imageMaxTokens' | 'flashAttention'>

/** Bytes per attention score without flash attention: a float, and a quarter for the buffers around it. */
const BYTES_OF_SCORE = 5

/** Calculates the memory that a preset needs from its figures, before its files are on the disk. */
export function needsOf (figures: PresetFigures, memory: Machine['memory'], config: NeedsConfig): MemoryNeeds {
  const { model, projector, weights, cell, recurrent, tower } = figures
  const vision =
    visionInfo({ coordinates: 'pixels', minTokens: undefined, maxTokens: undefined, multiple: tower.multiple }, config)
  const flashAttention = usesFlashAttention(memory === 'vram' && 'cuda', config.flashAttention)
  return {
    weights: memory === 'vram' ? weights : model,
    projector,
    encoding: encodingBytes(tower, vision, config.maxPixels),
    compute: computeBytes(figures, config.contextSize, flashAttention),
    slot: cell * config.contextSize + (recurrent === null ? 0 : recurrentStateBytes(recurrent)),
    checkpoints: CHECKPOINTS_PER_SLOT * checkpointBytes({ recurrent })
  }
}

/** Returns the working memory of a context. Without flash attention it contains a score for each token and cell. */
export function computeBytes (
  { compute, heads }: Pick<PresetFigures, 'compute' | 'heads'>, contextSize: number, flashAttention: boolean
): number {
  return flashAttention ? compute : Math.max(compute, heads * BATCH_SIZE * contextSize * BYTES_OF_SCORE)
}
