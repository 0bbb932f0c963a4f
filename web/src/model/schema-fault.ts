import type { Message } from '../i18n/index.ts'

/** Why the text is no schema, or null. What of it can be enforced only the service knows. */
export function schemaFault (text: string): Message | null {
  try {
    const schema: unknown = JSON.parse(text)
    const isObject = typeof schema === 'object' && schema !== null && !Array.isArray(schema)
    return isObject ? null : { key: 'json.schemaNoObject' }
  } catch (error) {
    return { key: 'json.schemaInvalid', values: { reason: error instanceof Error ? error.message : String(error) } }
  }
}
