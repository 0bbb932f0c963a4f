import type { TSchema } from 'typebox'
import { Value } from 'typebox/value'
import {
  InvalidFieldError, InvalidHistoryError, MessageRequiredError, MessageTooLongError, UnknownFieldError, withDetails,
  type SightlineError
} from '../../errors/catalogue.ts'
import { FIELD_FAULTS } from '../../errors/phrases.ts'
import { checkField, declared, faultPhrase, limitOf, unknownName } from '../../schemas/fault.ts'
import { ChatFieldsSchema, HistoryTurnSchema, type ChatFields, type HistoryTurn } from '../../schemas/chat.ts'
import { HISTORY_MAX_TURNS, MESSAGE_MAX_CHARACTERS } from '../../schemas/limits.ts'
import { JsonBoundsError, JsonReader } from '../json-bounds.ts'
import type { RawFields } from '../uploads/body.ts'
import { namedImagesFault } from './named-images.ts'

const NUMERIC = new Set(['max_tokens', 'temperature', 'top_p', 'top_k', 'min_p', 'repeat_penalty', 'seed'])

const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i

/**
 * Checks the fields of a chat request and gives them their types.
 * @throws UnknownFieldError, MessageRequiredError, MessageTooLongError, InvalidHistoryError, InvalidFieldError
 */
export function parseChatFields (raw: RawFields): ChatFields {
  const properties = ChatFieldsSchema.properties as Record<string, TSchema>
  for (const name of Object.keys(raw)) {
    if (!Object.hasOwn(properties, name)) throw new UnknownFieldError(name.slice(0, 100))
  }
  const json = new JsonReader()
  const fields = Object.fromEntries(Object.entries(raw).flatMap(([name, value]) => {
    const typed = toType(name, value, json)
    return typed === undefined ? [] : [[name, typed]]
  }))

  checkMessage(fields.message)
  if ('history' in fields) checkHistory(fields.history)
  for (const [name, value] of Object.entries(fields)) checkField(name, properties[name]!, value)
  return fields as ChatFields
}

/** Undefined for an optional field that was left empty, as HTML forms do. */
function toType (name: string, value: unknown, json: JsonReader): unknown {
  if (name === 'stop') return toStopList(value, json)
  if (name === 'history') return toHistory(value, json)
  if (Array.isArray(value) && value.length > 1) throw new InvalidFieldError(name, FIELD_FAULTS.repeated)
  if (typeof value !== 'string' || name === 'message' || name === 'system') return value
  if (value.trim() === '') return undefined
  if (name === 'response_format') return parseFormatJson(value, json)
  if (NUMERIC.has(name)) {
    if (!DECIMAL.test(value.trim())) throw new InvalidFieldError(name, FIELD_FAULTS.mustBeNumber)
    return Number(value)
  }
  return value
}

function toStopList (value: unknown, json: JsonReader): unknown {
  if (typeof value !== 'string') return value
  if (value === '') return undefined
  if (!value.startsWith('[')) return [value]
  try {
    return json.parse(value)
  } catch (error) {
    if (error instanceof JsonBoundsError) throw beyond(new InvalidFieldError('stop', error.fault), error)
    return [value]
  }
}

/** A list; in a form its JSON, or a turn in each of several fields, as JSON or, where a part says so, parsed already. */
function toHistory (value: unknown, json: JsonReader): unknown {
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

/** Code points of a text, which may have megabytes. */
function countCharacters (text: string): number {
  let count = 0
  for (let at = 0; at < text.length; count++) at += text.codePointAt(at)! > 0xffff ? 2 : 1
  return count
}

function checkHistory (history: unknown): void {
  if (!Array.isArray(history)) throw new InvalidHistoryError(FIELD_FAULTS.mustBeTurns)
  if (history.length > HISTORY_MAX_TURNS) {
    const fault = {
      en: `has ${history.length} turns; the limit is ${HISTORY_MAX_TURNS}`,
      zh: `有 ${history.length} 轮，上限为 ${HISTORY_MAX_TURNS} 轮`
    }
    throw withDetails(new InvalidHistoryError(fault), { limit: HISTORY_MAX_TURNS })
  }
  for (const [index, turn] of history.entries()) {
    const unknown = unknownName(HistoryTurnSchema, turn)
    if (unknown) {
      throw new InvalidHistoryError({
        en: `turn ${index} ${unknown.join(' ')} is unknown`, zh: `第 ${index} 轮 ${unknown.join(' ')} 未知`
      })
    }
    const [fault] = Value.Errors(HistoryTurnSchema, declared(HistoryTurnSchema, turn))
    if (fault) {
      const place = fault.instancePath.replaceAll('/', ' ')
      const { en, zh } = faultPhrase(fault)
      throw withDetails(
        new InvalidHistoryError({ en: `turn ${index}${place} ${en}`, zh: `第 ${index} 轮${place} ${zh}` }), limitOf(fault)
      )
    }
    if (turn.role === 'assistant' && turn.images?.length > 0) {
      throw new InvalidHistoryError({
        en: `turn ${index}: only turns of the user may have images`, zh: `第 ${index} 轮：只有用户的轮次可以带图片`
      })
    }
  }
  const named = namedImagesFault((history as HistoryTurn[]).flatMap(turn => turn.images ?? []))
  if (named) throw withDetails(new InvalidHistoryError(named.fault), { limit: named.limit })
}
