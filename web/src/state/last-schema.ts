import { signal } from '@preact/signals'

const STORED_AS = 'sightline.schema'

/** The schema that was used last, also while answers are to be something else. */
export const lastSchema = signal(localStorage.getItem(STORED_AS) ?? '')

export function rememberSchema (schema: string): void {
  lastSchema.value = schema
  localStorage.setItem(STORED_AS, schema)
}
