import type { Key } from '../i18n/index.ts'

/** Sampling options by their API names; null uses the default of the service. */
export interface Sampling {
  max_tokens: number | null
  temperature: number | null
  top_p: number | null
  top_k: number | null
  min_p: number | null
  repeat_penalty: number | null
  seed: number | null
}

export interface NumberField {
  label: Key
  min: number
  max: number
  isWhole: boolean
  /** The value must be greater than `min`, not equal to it. */
  isAbove?: boolean
}

export interface SamplingField extends NumberField { name: keyof Sampling }

/** The ranges that the service accepts. */
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

/** Parses the text of a field. Returns null for empty text, and undefined for a value that the service would refuse. */
export function readNumber (
  text: string, { min, max, isWhole, isAbove = false }: NumberField
): number | null | undefined {
  // Chinese keyboards produce full-width digits; some European ones produce a decimal comma.
  const written = text.normalize('NFKC').trim().replace(',', '.')
  if (written === '') return null
  if (!/^\d*\.?\d+$/.test(written)) return undefined
  const value = Number(written)
  if (value < min || value > max || (isAbove && value === min) || (isWhole && !Number.isInteger(value))) {
    return undefined
  }
  return value
}

/** Parses stop strings, one per line; undefined when there are too many or one is too long. */
export function readStops (text: string): string[] | undefined {
  const stops = text.split('\n').filter(line => line !== '')
  return stops.length <= MAX_STOPS && stops.every(stop => stop.length <= MAX_STOP_CHARACTERS) ? stops : undefined
}
