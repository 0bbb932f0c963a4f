import type { TSchema } from 'typebox'
import { Value } from 'typebox/value'
import { InvalidFieldError, InvalidHistoryError, MessageRequiredError, MessageTooLongError, UnknownFieldError } from '../../errors.ts'
import { checkField, faultPhrase } from '../../schemas/fault.ts'
import { ChatFieldsSchema, HISTORY_MAX_TURNS, HistoryTurnSchema, MESSAGE_MAX_CHARACTERS, type ChatFields } from '../../schemas/chat.ts'
import type { RawFields } from '../uploads/body.ts'

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
  const fields = Object.fromEntries(Object.entries(raw).flatMap(([name, value]) => {
    const typed = toType(name, value)
    return typed === undefined ? [] : [[name, typed]]
  }))

  checkMessage(fields.message)
  if ('history' in fields) checkHistory(fields.history)
  for (const [name, value] of Object.entries(fields)) checkField(name, properties[name]!, value)
  return fields as ChatFields
}

/** Undefined for an optional field that was left empty, as HTML forms do. */
function toType (name: string, value: unknown): unknown {
  if (name === 'stop') return toStopList(value)
  if (name === 'history') return toHistory(value)
  if (Array.isArray(value) && value.length > 1) throw new InvalidFieldError(name, 'is given more than once')
  if (typeof value !== 'string' || name === 'message' || name === 'system') return value
  if (value.trim() === '') return undefined
  if (name === 'response_format') return parseFormatJson(value)
  if (NUMERIC.has(name)) {
    if (!DECIMAL.test(value.trim())) throw new InvalidFieldError(name, 'must be a number')
    return Number(value)
  }
  return value
}

function toStopList (value: unknown): unknown {
  if (typeof value !== 'string') return value
  if (value === '') return undefined
  if (!value.startsWith('[')) return [value]
  try {
    return JSON.parse(value)
  } catch {
    return [value]
  }
}

/** A list; in a form its JSON, or a turn in each of several fields, as JSON or, where a part says so, parsed already. */
function toHistory (value: unknown): unknown {
  if (typeof value === 'string') {
    if (value.trim() === '') return undefined
    const parsed = parseHistoryJson(value)
    return isTurn(parsed) ? [parsed] : parsed
  }
  if (Array.isArray(value)) return value.map(turn => typeof turn === 'string' ? parseHistoryJson(turn) : turn)
  return isTurn(value) ? [value] : value
}

function isTurn (value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'role' in value
}

function parseHistoryJson (value: string): unknown {
  try {
    return JSON.parse(value)
  } catch (error) {
    const { message } = error as Error
    throw new InvalidHistoryError({ en: `is not valid JSON: ${message}`, zh: `不是有效的 JSON：${message}` })
  }
}

function parseFormatJson (value: string): unknown {
  try {
    return JSON.parse(value)
  } catch {
    throw new InvalidFieldError('response_format', 'is not valid JSON')
  }
}

function checkMessage (message: unknown): void {
  if (message === undefined || message === null || (typeof message === 'string' && message.trim() === '')) throw new MessageRequiredError()
  if (typeof message !== 'string') throw new InvalidFieldError('message', 'must be string')
  const characters = [...message].length
  if (characters > MESSAGE_MAX_CHARACTERS) throw new MessageTooLongError(characters, MESSAGE_MAX_CHARACTERS)
}

function checkHistory (history: unknown): void {
  if (!Array.isArray(history)) throw new InvalidHistoryError('must be a list of turns')
  if (history.length > HISTORY_MAX_TURNS) throw new InvalidHistoryError({ en: `has ${history.length} turns, the limit is ${HISTORY_MAX_TURNS}`, zh: `有 ${history.length} 轮，上限为 ${HISTORY_MAX_TURNS} 轮` })
  for (const [index, turn] of history.entries()) {
    const [fault] = Value.Errors(HistoryTurnSchema, turn)
    if (fault) {
      const place = fault.instancePath.replaceAll('/', ' ')
      const { en, zh } = faultPhrase(fault)
      throw new InvalidHistoryError({ en: `turn ${index}${place} ${en}`, zh: `第 ${index} 轮${place} ${zh}` })
    }
    if (turn.role === 'assistant' && turn.images?.length > 0) throw new InvalidHistoryError({ en: `turn ${index}: only turns of the user have images`, zh: `第 ${index} 轮：只有用户的轮次可以带图片` })
  }
}
