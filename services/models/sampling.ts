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
 * @param thinks the answer begins with thoughts; the advice is for thoughts and answer
 * @param own overrides the advice
 */
export function defaultSampling (
  { architecture }: Pick<ModelHeader, 'architecture'>, thinks: boolean, own: Sampling = {}
): DefaultSampling {
  if (!ADVISED.includes(architecture)) return { ...USUAL, ...own }
  return { ...thinks ? QWEN_THINKING : QWEN, ...own }
}
