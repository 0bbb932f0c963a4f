import type { Key } from '../i18n/index.ts'
import type { Sampling } from '../state/settings.ts'

export interface SamplingField {
  name: keyof Sampling
  label: Key
  min: number
  max: number
  isWhole: boolean
  /** The least value itself is not allowed. */
  isAbove?: boolean
}

/** As the service bounds them. */
export const SAMPLING_FIELDS: readonly SamplingField[] = [
  { name: 'max_tokens', label: 'settings.maxTokens', min: 1, max: 131_072, isWhole: true },
  { name: 'temperature', label: 'settings.temperature', min: 0, max: 2, isWhole: false },
  { name: 'top_p', label: 'settings.topP', min: 0, max: 1, isWhole: false, isAbove: true },
  { name: 'top_k', label: 'settings.topK', min: 0, max: 1_000, isWhole: true },
  { name: 'min_p', label: 'settings.minP', min: 0, max: 1, isWhole: false },
  { name: 'repeat_penalty', label: 'settings.repeatPenalty', min: 0.5, max: 2, isWhole: false },
  { name: 'seed', label: 'settings.seed', min: 0, max: 4_294_967_295, isWhole: true }
]

const MAX_STOPS = 4
export const MAX_STOP_CHARACTERS = 100

/** What was written into a field: null for nothing, undefined for what the service would refuse. */
export function readSampling (
  text: string, { min, max, isWhole, isAbove = false }: SamplingField
): number | null | undefined {
  // Full-width digits come from Chinese keyboards, a comma from European ones.
  const written = text.normalize('NFKC').trim().replace(',', '.')
  if (written === '') return null
  if (!/^\d*\.?\d+$/.test(written)) return undefined
  const value = Number(written)
  if (value < min || value > max || (isAbove && value === min) || (isWhole && !Number.isInteger(value))) {
    return undefined
  }
  return value
}

/** One string a line; undefined where they are too many or too long. */
export function readStops (text: string): string[] | undefined {
  const stops = text.split('\n').filter(line => line !== '')
  return stops.length <= MAX_STOPS && stops.every(stop => stop.length <= MAX_STOP_CHARACTERS) ? stops : undefined
}
