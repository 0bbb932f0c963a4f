import type { Tool } from '../engine/engine.ts'
import { propertyValues, typesOf, type AllowedValues } from './schema-types.ts'

/**
 * Converts the parameters of a call to JSON. The XML form does not say of which type a value is: `5` may be a number or
 * a text. The JSON schema of the tool decides:
 * - Where it allows only strings, the value is the text, exactly.
 * - Otherwise the value is the JSON in the text, if the schema allows values of its type. `True`, `False` and `None`
 *   count as JSON where no string is allowed, because templates write these values so.
 * - Otherwise the value is the text, even where no string is allowed: the client can judge it.
 *
 * A parameter that the schema does not name, or without types, may be of any type.
 *
 * @param parameters names and texts; the last text of a name counts
 * @returns a JSON object, in which numbers keep their digits
 */
export function toArguments (parameters: Array<[name: string, text: string]>, { parameters: schema }: Tool): string {
  const valuesOf = propertyValues(schema)
  const values = new Map(parameters.map(([name, text]) => [name, toJson(text, valuesOf(name))]))
  return `{${[...values].map(([name, json]) => `${JSON.stringify(name)}:${json}`).join(',')}}`
}

function toJson (text: string, { types, words }: AllowedValues): string {
  const trimmed = text.trim()
  if (words.has(text)) return JSON.stringify(text)
  if (words.has(trimmed)) return JSON.stringify(trimmed)
  const isText = types.has('string')
  const found = isText && types.size === 1 && words.size === 0
    ? null
    : jsonOf(isText ? trimmed : fromPython(trimmed), types, words)
  return found ?? JSON.stringify(text)
}

/** Returns the JSON of a text; null if it is none, or of a type that is not allowed. */
function jsonOf (text: string, types: AllowedValues['types'], words: AllowedValues['words']): string | null {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return null
  }
  // Quotation marks are a part of a string, unless they surround one of its known values.
  if (typeof value === 'string') return words.has(value) ? text : null
  if (!typesOf(value).some(type => types.has(type))) return null
  return typeof value === 'number' && !types.has('number') && !/^-?\d+$/.test(text) ? String(value) : text
}

function fromPython (text: string): string {
  return text === 'None' ? 'null' : /^(?:true|false|null)$/i.test(text) ? text.toLowerCase() : text
}
