import { signal } from '@preact/signals'

/** Whether exports contain the thoughts. It is not stored, so that nobody shares them without a choice. */
export const withThoughts = signal(false)
