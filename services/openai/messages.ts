import { InvalidFieldError } from '../../errors.ts'
import type { Phrase } from '../../language.ts'
import { IMAGE_ID_PATTERN } from '../../schemas/chat.ts'
import type { ChatPart, ChatTurn } from '../chat/request.ts'
import type { ToolCall } from '../engine/engine.ts'
import { isDeeperThan, JSON_MAX_DEPTH } from '../json-depth.ts'
import type { PictureSource } from '../uploads/body.ts'

/** `image_url: { url: 'sightline:sha256:…' }` names a picture of an earlier request by its receipt's id. */
const EARLIER = 'sightline:'
const EARLIER_ID = new RegExp(IMAGE_ID_PATTERN)
/** Longest side in pixels with `detail: 'low'`, as OpenAI has it. */
const LOW_DETAIL_SIDE = 512
const DETAILS = ['auto', 'low', 'high']
const MAX_MESSAGES = 1000

type Json = Record<string, unknown>

/**
 * Turns OpenAI's messages into turns. Text and pictures may stand in any order and any message; the result of a call goes to the call.
 * @returns the turns, and the pictures that they name by their index
 * @throws InvalidFieldError naming the place, e.g. `messages[0].content[1].image_url`
 */
export function readMessages (value: unknown): { turns: ChatTurn[], images: PictureSource[] } {
  if (!Array.isArray(value) || value.length === 0) throw new InvalidFieldError('messages', 'must be a list with at least one message')
  if (value.length > MAX_MESSAGES) throw new InvalidFieldError('messages', { en: `has ${value.length} messages, the limit is ${MAX_MESSAGES}`, zh: `有 ${value.length} 条消息，上限为 ${MAX_MESSAGES}` })
  const turns: ChatTurn[] = []
  const images: PictureSource[] = []
  const calls = new Map<string, ToolCall<ChatPart>>()

  for (const [index, entry] of value.entries()) {
    const field = `messages[${index}]`
    const message = asObject(entry, field)
    const parts = () => readContent(message.content, `${field}.content`, images)
    switch (message.role) {
      case 'system':
      case 'developer':
        turns.push({ role: 'system', parts: parts() })
        break
      case 'user':
        turns.push({ role: 'user', parts: parts() })
        break
      case 'assistant': {
        const own = readCalls(message.tool_calls, `${field}.tool_calls`)
        // Only a call may come without words.
        const said = message.content === undefined || message.content === null ? own.size > 0 ? [] : refuse(`${field}.content`, 'is required') : parts()
        turns.push({ role: 'assistant', parts: said, ...own.size > 0 && { calls: [...own.values()] } })
        for (const [id, call] of own) calls.set(id, call)
        break
      }
      case 'tool': {
        const call = (typeof message.tool_call_id === 'string' ? calls.get(message.tool_call_id) : undefined) ?? refuse(`${field}.tool_call_id`, 'names no call of an earlier message')
        call.result.push(...parts())
        break
      }
      default:
        refuse(`${field}.role`, 'must be system, developer, user, assistant or tool')
    }
  }
  return { turns, images }
}

function readContent (content: unknown, field: string, images: PictureSource[]): ChatPart[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }]
  if (!Array.isArray(content)) return refuse(field, 'must be a text or a list of parts')
  return content.map((entry, index): ChatPart => {
    const place = `${field}[${index}]`
    const part = asObject(entry, place)
    switch (part.type) {
      case 'text':
        return { type: 'text', text: typeof part.text === 'string' ? part.text : refuse(`${place}.text`, 'must be string') }
      case 'refusal':
        return { type: 'text', text: typeof part.refusal === 'string' ? part.refusal : refuse(`${place}.refusal`, 'must be string') }
      case 'image_url':
        return readPicture(part.image_url, `${place}.image_url`, images)
      default:
        return refuse(`${place}.type`, 'must be text or image_url')
    }
  })
}

function readPicture (value: unknown, field: string, images: PictureSource[]): ChatPart {
  const { url, detail } = asObject(value, field)
  if (typeof url !== 'string') return refuse(`${field}.url`, 'must be string')
  if (detail !== undefined && detail !== null && !DETAILS.includes(detail as string)) return refuse(`${field}.detail`, 'must be auto, low or high')
  if (url.startsWith(EARLIER)) {
    const id = url.slice(EARLIER.length)
    return EARLIER_ID.test(id) ? { type: 'earlier', id } : refuse(`${field}.url`, 'must be sightline:sha256: and 64 hex digits')
  }
  const file = images.push({ field: `${field}.url`, uri: url, remote: true }) - 1
  return { type: 'upload', file, ...detail === 'low' && { maxSide: LOW_DETAIL_SIDE } }
}

/** Calls by their ids. */
function readCalls (value: unknown, field: string): Map<string, ToolCall<ChatPart>> {
  if (value === undefined || value === null) return new Map()
  if (!Array.isArray(value)) return refuse(field, 'must be a list of calls')
  return new Map(value.map((entry, index) => {
    const place = `${field}[${index}]`
    const call = asObject(entry, place)
    const { name, arguments: text } = asObject(call.function, `${place}.function`)
    if (typeof call.id !== 'string') return refuse(`${place}.id`, 'must be string')
    if (typeof name !== 'string') return refuse(`${place}.function.name`, 'must be string')
    return [call.id, { name, arguments: parseArguments(text, `${place}.function.arguments`), result: [] }]
  }))
}

function parseArguments (text: unknown, field: string): object {
  // Some clients write nothing, or null, for a function without arguments.
  const json = typeof text === 'string' ? text || '{}' : text === undefined || text === null ? '{}' : refuse(field, 'must be a JSON object as text')
  // They go to the engine's process as they are, and copying is recursive.
  if (isDeeperThan(json, JSON_MAX_DEPTH)) refuse(field, { en: `is nested deeper than ${JSON_MAX_DEPTH} levels`, zh: `嵌套超过 ${JSON_MAX_DEPTH} 层` })
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch {
    value = null
  }
  return typeof value === 'object' && value !== null ? value : refuse(field, 'must be a JSON object as text')
}

function asObject (value: unknown, field: string): Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value as Json : refuse(field, 'must be an object')
}

function refuse (field: string, fault: Phrase): never {
  throw new InvalidFieldError(field, fault)
}
