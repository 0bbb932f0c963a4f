import {
  InvalidFieldError, InvalidHistoryError, InvalidJsonError, MessageRequiredError, MessageTooLongError,
  withDetails, type SightlineError
} from '../../errors/catalogue.ts'
import { BODY_FAULTS, FIELD_FAULTS } from '../../errors/phrases.ts'
import { ChatFormSchema, type ChatForm, type HistoryTurn } from '../../schemas/chat.ts'
import { createCheck, toFieldError, type Fault } from '../../schemas/check.ts'
import { MESSAGE_MAX_CHARACTERS } from '../../schemas/limits.ts'
import { JsonBoundsError, JsonReader } from '../json-bounds.ts'
import type { RawFields } from '../uploads/form-fields.ts'
import { translateFormat } from './format-variants.ts'
import { namedImagesFault } from './named-images.ts'
import { isChatField, unknownFieldAmong } from './unknown-field.ts'

const check = createCheck(ChatFormSchema)

const NUMERIC = new Set(['max_tokens', 'temperature', 'top_p', 'top_k', 'min_p', 'repeat_penalty', 'seed', 'frames'])
const NOT_SET = /^(?:null|undefined)$/
const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i

/**
 * Checks the body of a chat request, the fields of a form or a JSON body, and gives its fields their types.
 * @throws InvalidJsonError, UnknownFieldError, MessageRequiredError, MessageTooLongError, InvalidHistoryError,
 * InvalidFieldError
 */
export function parseChatForm (body: unknown): ChatForm {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new InvalidJsonError(BODY_FAULTS.mustBeObject)
  }
  const raw = body as RawFields
  const unknown = Object.keys(raw).filter(name => !isChatField(name))
  if (unknown.length > 0) throw unknownFieldAmong(unknown)
  const json = new JsonReader()
  const typed: RawFields = Object.fromEntries(Object.entries(raw).flatMap(([name, value]) => {
    const converted = toType(name, value, json)
    return converted === undefined ? [] : [[name, converted]]
  }))
  checkMessage(typed.message)
  const fault = check(typed)
  if (fault) throw toError(fault)
  const form = typed as ChatForm
  checkHistory(form.history ?? [])
  return form
}

/** Faults of the history name the turn. */
function toError (fault: Fault): SightlineError {
  const { steps: [field, turn, ...rest], phrase: { en, zh }, limit } = fault
  if (field !== 'history') return toFieldError(fault)
  const place = rest.map(step => ` ${step}`).join('')
  const sentence = turn === undefined
    ? fault.phrase
    : { en: `turn ${turn}${place} ${en}`, zh: `第 ${turn} 轮${place} ${zh}` }
  return withDetails(new InvalidHistoryError(sentence), limit === undefined ? {} : { limit })
}

/**
 * Converts one field. Undefined if it is absent: left empty, as in HTML forms, or null, as typed clients send it
 * (Jackson, .NET, Go).
 */
function toType (name: string, value: unknown, json: JsonReader): unknown {
  if (value === null) return undefined
  if (name === 'stop') return withoutEmpty(toList(name, value, json))
  if (name === 'history') return toHistory(value, json)
  if (name === 'pages') return toPageLists(value, json)
  if (name === 'images' || name === 'history_images') return value
  if (Array.isArray(value) && value.length > 1) throw new InvalidFieldError(name, FIELD_FAULTS.repeated)
  if (name === 'response_format' && typeof value !== 'string') return translateFormat(value)
  if (name === 'thinking' && typeof value === 'boolean') return value ? 'on' : 'off'
  if (typeof value !== 'string' || name === 'message' || name === 'system') return value
  if (value.trim() === '') return undefined
  // FormData.append writes null and undefined as these words.
  if (NOT_SET.test(value.trim())) return undefined
  if (name === 'thinking') return toThinking(value.trim())
  if (name === 'response_format') return translateFormat(parseFormatJson(value, json))
  if (NUMERIC.has(name)) {
    if (!DECIMAL.test(value.trim())) throw new InvalidFieldError(name, FIELD_FAULTS.mustBeNumber)
    return Number(value)
  }
  return value
}

function toThinking (value: string): string | number {
  if (value === 'true' || value === 'false') return value === 'true' ? 'on' : 'off'
  return DECIMAL.test(value) ? Number(value) : value
}

/** Empty stop strings stop nothing. Agents send them for stop strings that are not set. */
export function withoutEmpty (stop: unknown): unknown {
  return Array.isArray(stop) ? stop.filter(string => string !== '' && string !== null) : stop
}

/** Converts a text to a list: it is the JSON of one, or the only text of one. */
function toList (name: string, value: unknown, json: JsonReader): unknown {
  if (typeof value !== 'string') return value
  if (value === '') return undefined
  if (!value.startsWith('[')) return [value]
  try {
    return json.parse(value)
  } catch (error) {
    if (error instanceof JsonBoundsError) throw beyond(new InvalidFieldError(name, error.fault), error)
    return [value]
  }
}

/** A number is a list of one page. */
function toPageLists (value: unknown, json: JsonReader): unknown {
  const text = typeof value === 'string' ? value.trim() : value
  if (typeof text === 'string' && NOT_SET.test(text)) return undefined
  const lists = toList('pages', typeof text === 'number' ? [text] : text, json)
  return Array.isArray(lists) ? lists.map(list => typeof list === 'number' ? String(list) : list) : lists
}

/**
 * Converts the turns of the history. A JSON body contains a list. A form contains either the JSON of a list or one
 * field of JSON per turn; a field is already parsed if the type of its part is `application/json`.
 */
function toHistory (value: unknown, json: JsonReader): unknown {
  const turns = toTurns(value, json)
  return Array.isArray(turns) ? turns.map(withoutNullImages) : turns
}

function withoutNullImages (turn: unknown): unknown {
  if (!isTurn(turn) || (turn as Partial<HistoryTurn>).images !== null) return turn
  const { images: _images, ...rest } = turn as HistoryTurn
  return rest
}

function toTurns (value: unknown, json: JsonReader): unknown {
  if (typeof value === 'string') {
    if (value.trim() === '') return undefined
    const parsed = parseHistoryJson(value, json)
    return isTurn(parsed) ? [parsed] : parsed
  }
  if (Array.isArray(value)) return value.map(turn => typeof turn === 'string' ? parseHistoryJson(turn, json) : turn)
  return isTurn(value) ? [value] : value
}

function isTurn (value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'role' in value
}

function parseHistoryJson (value: string, json: JsonReader): unknown {
  try {
    return json.parse(value)
  } catch (error) {
    if (error instanceof JsonBoundsError) throw beyond(new InvalidHistoryError(error.fault), error)
    const { message } = error as Error
    throw new InvalidHistoryError({ en: `is not valid JSON: ${message}`, zh: `不是有效的 JSON：${message}` })
  }
}

function parseFormatJson (value: string, json: JsonReader): unknown {
  try {
    return json.parse(value)
  } catch (error) {
    if (error instanceof JsonBoundsError) throw beyond(new InvalidFieldError('response_format', error.fault), error)
    throw new InvalidFieldError('response_format', FIELD_FAULTS.invalidJson)
  }
}

/** Adds the limit that the JSON exceeds. */
function beyond<E extends SightlineError> (error: E, { limit }: JsonBoundsError): E {
  return withDetails(error, { limit })
}

function checkMessage (message: unknown): void {
  if (message === undefined || message === null || (typeof message === 'string' && message.trim() === '')) {
    throw new MessageRequiredError()
  }
  if (typeof message !== 'string') throw new InvalidFieldError('message', FIELD_FAULTS.mustBeString)
  const characters = countCharacters(message)
  if (characters > MESSAGE_MAX_CHARACTERS) throw new MessageTooLongError(characters, MESSAGE_MAX_CHARACTERS)
}

/** Counts the code points of a text without copying it: it may be megabytes long. */
function countCharacters (text: string): number {
  let count = 0
  for (let at = 0; at < text.length; count++) at += text.codePointAt(at)! > 0xffff ? 2 : 1
  return count
}

function checkHistory (history: HistoryTurn[]): void {
  const index = history.findIndex(({ role, images = [] }) => role === 'assistant' && images.length > 0)
  if (index !== -1) {
    throw new InvalidHistoryError({
      en: `turn ${index}: only turns of the user may have images`, zh: `第 ${index} 轮：只有用户的轮次可以带图片`
    })
  }
  const named = namedImagesFault(history.flatMap(turn => turn.images ?? []))
  if (named) throw withDetails(new InvalidHistoryError(named.fault), { limit: named.limit })
}
