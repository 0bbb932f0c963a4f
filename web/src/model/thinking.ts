import type { Status } from '../api/types.ts'
import type { NumberField } from './sampling.ts'

/** Whether the model of a service thinks before it answers: never, if a question wants it, or always. */
export type ThinkingMode = Status['model']['thinking']

export interface Thinking {
  /** The switch next to the question; it has no effect on a model that always thinks. */
  isOn: boolean
  /** The maximum number of tokens of the thoughts; null for as many as the service allows. */
  tokens: number | null
}

export const THINKING_FIELD: NumberField = { label: 'settings.thinkingTokens', min: 1, max: 131_072, isWhole: true }

/** The value of the field `thinking`; null to leave it out. */
export function thinkingField ({ isOn, tokens }: Thinking, mode: ThinkingMode): string | null {
  // `off` is sent too, because the service may think by default.
  if (mode === 'optional') return isOn ? String(tokens ?? 'on') : 'off'
  return mode === 'always' && tokens !== null ? String(tokens) : null
}
