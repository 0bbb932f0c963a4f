import { signal } from '@preact/signals'

const STORED_AS = 'sightline.schema'

/** The last schema that was used, remembered while another format is selected. */
export const lastSchema = signal(localStorage.getItem(STORED_AS) ?? '')

export function rememberSchema (schema: string): void {
  lastSchema.value = schema
  localStorage.setItem(STORED_AS, schema)
}
