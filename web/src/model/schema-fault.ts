import type { Message } from '../i18n/index.ts'

/** The reason why a text is not a schema, or null. Only the service knows which keywords it can enforce. */
export function schemaFault (text: string): Message | null {
  try {
    const schema: unknown = JSON.parse(text)
    const isObject = typeof schema === 'object' && schema !== null && !Array.isArray(schema)
    return isObject ? null : { key: 'json.schemaNoObject' }
  } catch (error) {
    return { key: 'json.schemaInvalid', values: { reason: error instanceof Error ? error.message : String(error) } }
  }
}
