import { randomInt } from 'node:crypto'
import type { SamplerOptions } from '../../../native/vision.ts'
import type { DefaultSampling } from '../../models/sampling.ts'
import type { GenerateRequest } from '../engine.ts'

/** Number of previous tokens that a repeat penalty covers. */
const REPEAT_WINDOW = 64
/** The frequency and presence penalties of the OpenAI API cover the whole answer. */
const FREQUENCY_WINDOW = 2048

/** llama.cpp takes this seed for "choose one at random". */
const RANDOM_SEED = 2 ** 32 - 1

/** Returns the options of the sampler for a request; `usual` contains the values that the request does not set. */
export function samplerOptions (
  { sampling, grammar }: Pick<GenerateRequest, 'sampling' | 'grammar'>, usual: DefaultSampling
): SamplerOptions {
  const {
    temperature = usual.temperature, topK = usual.topK, topP = usual.topP, minP = usual.minP ?? 0,
    seed = randomInt(RANDOM_SEED)
  } = sampling
  const { repeatPenalty = 1, frequencyPenalty = 0, presencePenalty = 0 } =
    usesUsualPenalties(sampling, temperature, grammar) ? { ...usual, ...sampling } : sampling
  const penaltyWindow = frequencyPenalty !== 0 || presencePenalty !== 0 ? FREQUENCY_WINDOW : REPEAT_WINDOW
  return {
    temperature,
    topK,
    topP,
    minP,
    seed: seed % RANDOM_SEED,
    penaltyWindow,
    repeatPenalty,
    frequencyPenalty,
    presencePenalty,
    grammar
  }
}

/**
 * The usual penalties are meant for free text. They would end the lists of a JSON answer early, change the answer at
 * temperature 0, which is documented as the most likely token, and add to the penalties of the client.
 */
function usesUsualPenalties (
  { repeatPenalty, frequencyPenalty, presencePenalty }: GenerateRequest['sampling'], temperature: number,
  grammar: string | null
): boolean {
  return temperature > 0 && grammar === null && repeatPenalty === undefined && frequencyPenalty === undefined &&
    presencePenalty === undefined
}
