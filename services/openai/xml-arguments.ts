import { createChoice, type Candidate } from '../chat/schema-grammar/index.ts'
import type { Tool } from '../engine/engine.ts'
import { propertyValues, typesOf, type AllowedValues } from './schema-types.ts'

/** Names and texts of the parameters of a call. The last text of a name counts. */
export type Parameters = Array<[name: string, text: string]>

/** A value, and its JSON, in which numbers keep their digits. */
interface Reading extends Candidate { json: string }

/**
 * Creates a function that converts the parameters of a tool's calls to a JSON object. The XML form does not say of
 * which type a value is: `5` may be a number or a text. The JSON schema of the tool decides. Each parameter has a usual
 * reading, by all types that the schema allows for its name:
 * - Where only strings are allowed, the value is the text, exactly.
 * - Otherwise the value is the JSON in the text, if the schema allows values of its type. `True`, `False` and `None`
 *   count as JSON where no string is allowed, because templates write these values so.
 * - Otherwise the value is the text, even where no string is allowed.
 *
 * A parameter that the schema does not name, or without types, may be of any type.
 *
 * The type may depend on other parameters: `anyOf` may allow a text for one `kind` and a number for another. So if the
 * usual readings together do not satisfy the schema, other readings are used that do. If there are none, or if
 * `createChoice` cannot find out, the usual readings stay, and the client can judge them.
 */
export function createArgumentReader ({ parameters: schema }: Tool): (parameters: Parameters) => string {
  const valuesOf = propertyValues(schema)
  const choose = schema === undefined ? null : createChoice(schema)

  return parameters => {
    const readings = new Map<string, Reading[]>()
    const usual = new Map<string, Reading>()
    for (const [name, text] of new Map(parameters)) {
      const first = usualReading(text, valuesOf(name))
      usual.set(name, first)
      readings.set(name, [first, ...otherReadings(text)])
    }
    const usualOnly = new Map([...usual].map(([name, reading]) => [name, [reading]]))
    const chosen = choose?.(usualOnly) ?? choose?.(readings) ?? usual
    return `{${[...chosen].map(([name, { json }]) => `${JSON.stringify(name)}:${json}`).join(',')}}`
  }
}

function usualReading (text: string, { types, words }: AllowedValues): Reading {
  const trimmed = text.trim()
  const word = [text, trimmed].find(one => words.has(one))
  if (word !== undefined) return asText(word)
  const isText = types.has('string')
  const found = isText && types.size === 1 && words.size === 0 ? null : asJson(isText ? trimmed : fromPython(trimmed))
  return (found && withinTypes(found, types, words)) ?? asText(text)
}

/** Returns a reading as one of the allowed types; null if there is none. */
function withinTypes (reading: Reading, types: AllowedValues['types'], words: AllowedValues['words']): Reading | null {
  const { value, json } = reading
  // Quotation marks are a part of a string, unless they surround one of its known values.
  if (typeof value === 'string') return words.has(value) ? reading : null
  if (!typesOf(value).some(type => types.has(type))) return null
  // Clients of other languages parse `1.0` as another type than `1`.
  const isInteger = typeof value === 'number' && !types.has('number') && !/^-?\d+$/.test(json)
  return isInteger ? { value, json: String(value) } : reading
}

/** Returns the readings of a text as any type. */
function otherReadings (text: string): Reading[] {
  const trimmed = text.trim()
  const values = [asJson(trimmed), asJson(fromPython(trimmed))].filter(reading => reading !== null)
  return [...values.filter(({ value }) => typeof value !== 'string'), asText(text)]
}

function asText (value: string): Reading {
  return { value, json: JSON.stringify(value) }
}

/** Returns null for a text that is no JSON. */
function asJson (json: string): Reading | null {
  try {
    return { value: JSON.parse(json), json }
  } catch {
    return null
  }
}

function fromPython (text: string): string {
  return text === 'None' ? 'null' : /^(?:true|false|null)$/i.test(text) ? text.toLowerCase() : text
}
