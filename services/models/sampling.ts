import path from 'node:path'
import type { Sampling } from '../engine/engine.ts'
import type { ModelHeader } from './headers.ts'

/** Defaults of the service for models without advice of their own. The cut-offs are those of llama.cpp. */
const USUAL = { temperature: 0.7, topP: 0.95, topK: 40 }
/** The advice of Qwen's model cards for Qwen3-VL and later. */
const QWEN = { temperature: 0.7, topP: 0.8, topK: 20, presencePenalty: 1.5 }
const QWEN_THINKING = { temperature: 1, topP: 0.95, topK: 20 }

const ADVISED = ['qwen3vl', 'qwen3vlmoe', 'qwen35', 'qwen35moe']

/** Sampling of a request that sets nothing. */
export type DefaultSampling = Sampling & Required<Pick<Sampling, 'temperature' | 'topP' | 'topK'>>

/**
 * Returns the sampling that the authors of a model advise.
 * @param own overrides the advice
 */
export function defaultSampling (
  { architecture, file }: Pick<ModelHeader, 'architecture' | 'file'>, own: Sampling = {}
): DefaultSampling {
  if (!ADVISED.includes(architecture)) return { ...USUAL, ...own }
  return { ...alwaysThinks(file) ? QWEN_THINKING : QWEN, ...own }
}

/** Qwen3-VL has separate models that think, such as `Qwen3VL-8B-Thinking-Q4_K_M.gguf`. */
function alwaysThinks (file: string): boolean {
  return /thinking/i.test(path.basename(file))
}
