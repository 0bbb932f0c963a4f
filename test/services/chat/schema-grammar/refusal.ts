import type { SightlineError } from '../../../../errors/catalogue.ts'
import { grammarOfSchema } from '../../../../services/chat/schema-grammar/index.ts'

export interface Refusal { keyword: string, pointer: string, en: string, zh: string }

/**
 * Returns why a schema is refused; null when it is not refused.
 * @throws the error when it is not an UnsupportedSchemaError
 */
export function refusal (schema: unknown): Refusal | null {
  try {
    grammarOfSchema(schema)
    return null
  } catch (error) {
    const { code, statusCode, message, details } = error as SightlineError
    if (code !== 'UNSUPPORTED_SCHEMA' || statusCode !== 400 || details.field !== 'response_format') throw error
    return {
      keyword: String(details.keyword),
      pointer: String(details.pointer),
      en: message,
      zh: (error as SightlineError).sentence('zh')
    }
  }
}

/** Returns keyword and place of a refusal, such as `not at #/items`; null when the schema is not refused. */
export function fault (schema: unknown): string | null {
  const found = refusal(schema)
  return found && `${found.keyword} at ${found.pointer}`
}
