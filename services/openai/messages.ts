import { InvalidFieldError, withDetails } from '../../errors/catalogue.ts'
import type { Phrase } from '../../errors/language.ts'
import { FIELD_FAULTS, OPENAI_FAULTS } from '../../errors/phrases.ts'
import { IMAGE_ID_PATTERN } from '../../schemas/image.ts'
import { checkCount } from '../../schemas/fault.ts'
import { CALLS_MAX, MESSAGES_MAX, MESSAGES_MAX_PARTS } from '../../schemas/limits.ts'
import { namedImagesFault } from '../chat/named-images.ts'
import type { ChatPart, ChatTurn } from '../chat/request.ts'
import type { ToolCall } from '../engine/engine.ts'
import { JsonBoundsError, JsonReader } from '../json-bounds.ts'
import type { ImageSource } from '../uploads/body.ts'

/** `image_url: { url: 'sightline:sha256:…' }` names an image of an earlier request by its receipt's id. */
const EARLIER = 'sightline:'
const EARLIER_ID = new RegExp(IMAGE_ID_PATTERN)
/** Longest side in pixels with `detail: 'low'`, as OpenAI has it. */
const LOW_DETAIL_SIDE = 512
const DETAILS = ['auto', 'low', 'high']

type Json = Record<string, unknown>

/**
 * Turns OpenAI's messages into turns. Text and images may stand in any order and any message; the result of a call goes to the call.
 * @returns the turns, and the images that they name by their index
 * @throws InvalidFieldError naming the place, e.g. `messages[0].content[1].image_url`
 */
export function readMessages (value: unknown): { turns: ChatTurn[], images: ImageSource[] } {
  if (!Array.isArray(value) || value.length === 0) {
    throw new InvalidFieldError('messages', OPENAI_FAULTS.mustBeMessages)
  }
  checkCount('messages', value.length, MESSAGES_MAX, { en: 'messages', zh: '条消息' })
  checkSums(value)
  const turns: ChatTurn[] = []
  const images: ImageSource[] = []
  const calls = new Map<string, ToolCall<ChatPart>>()
  const json = new JsonReader()

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
        const own = readCalls(message.tool_calls, `${field}.tool_calls`, json)
        // Only a call may come without words.
        const said = message.content === undefined || message.content === null
          ? own.size > 0 ? [] : refuse(`${field}.content`, OPENAI_FAULTS.required)
          : parts()
        turns.push({ role: 'assistant', parts: said, ...own.size > 0 && { calls: [...own.values()] } })
        for (const [id, call] of own) calls.set(id, call)
        break
      }
      case 'tool': {
        const call = (typeof message.tool_call_id === 'string' ? calls.get(message.tool_call_id) : undefined) ??
          refuse(`${field}.tool_call_id`, OPENAI_FAULTS.unknownCall)
        call.result.push(...parts())
        break
      }
      default:
        refuse(`${field}.role`, OPENAI_FAULTS.mustBeRole)
    }
  }
  checkNamedImages(turns)
  return { turns, images }
}

/** Bounds what all messages have together, before any of it is read. */
function checkSums (messages: unknown[]): void {
  const sum = (count: (message: Json) => number) =>
    messages.reduce((total: number, one) => total + count(Object(one)), 0)
  const lengthOf = (list: unknown) => Array.isArray(list) ? list.length : 0
  const parts = sum(({ content }) => lengthOf(content))
  checkCount('messages', parts, MESSAGES_MAX_PARTS, { en: 'parts of content', zh: '个内容片段' })
  const calls = sum(({ tool_calls: list }) => lengthOf(list))
  checkCount('messages', calls, CALLS_MAX, { en: 'tool calls', zh: '个工具调用' })
}

function checkNamedImages (turns: ChatTurn[]): void {
  const parts = turns.flatMap(turn => [...turn.parts, ...(turn.calls ?? []).flatMap(call => call.result)])
  const named = namedImagesFault(parts.flatMap(part => part.type === 'earlier' ? [part.id] : []))
  if (named) throw withDetails(new InvalidFieldError('messages', named.fault), { limit: named.limit })
}

function readContent (content: unknown, field: string, images: ImageSource[]): ChatPart[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }]
  if (!Array.isArray(content)) return refuse(field, OPENAI_FAULTS.mustBeContent)
  return content.map((entry, index): ChatPart => {
    const place = `${field}[${index}]`
    const part = asObject(entry, place)
    switch (part.type) {
      case 'text':
        return {
          type: 'text', text: typeof part.text === 'string' ? part.text : refuse(`${place}.text`, FIELD_FAULTS.mustBeString)
        }
      case 'refusal':
        return {
          type: 'text',
          text: typeof part.refusal === 'string' ? part.refusal : refuse(`${place}.refusal`, FIELD_FAULTS.mustBeString)
        }
      case 'image_url':
        return readImage(part.image_url, `${place}.image_url`, images)
      default:
        return refuse(`${place}.type`, OPENAI_FAULTS.mustBePart)
    }
  })
}

function readImage (value: unknown, field: string, images: ImageSource[]): ChatPart {
  const { url, detail } = asObject(value, field)
  if (typeof url !== 'string') return refuse(`${field}.url`, FIELD_FAULTS.mustBeString)
  if (detail !== undefined && detail !== null && !DETAILS.includes(detail as string)) {
    return refuse(`${field}.detail`, OPENAI_FAULTS.mustBeDetail)
  }
  if (url.startsWith(EARLIER)) {
    const id = url.slice(EARLIER.length)
    return EARLIER_ID.test(id)
      ? { type: 'earlier', id }
      : refuse(`${field}.url`, OPENAI_FAULTS.mustBeImageId)
  }
  const file = images.push({ field: `${field}.url`, uri: url, remote: true }) - 1
  return { type: 'upload', file, ...detail === 'low' && { maxSide: LOW_DETAIL_SIDE } }
}

/** Calls by their ids. */
function readCalls (value: unknown, field: string, json: JsonReader): Map<string, ToolCall<ChatPart>> {
  if (value === undefined || value === null) return new Map()
  if (!Array.isArray(value)) return refuse(field, OPENAI_FAULTS.mustBeCalls)
  return new Map(value.map((entry, index) => {
    const place = `${field}[${index}]`
    const call = asObject(entry, place)
    const { name, arguments: text } = asObject(call.function, `${place}.function`)
    if (typeof call.id !== 'string') return refuse(`${place}.id`, FIELD_FAULTS.mustBeString)
    if (typeof name !== 'string') return refuse(`${place}.function.name`, FIELD_FAULTS.mustBeString)
    return [call.id, { name, arguments: parseArguments(text, `${place}.function.arguments`, json), result: [] }]
  }))
}

function parseArguments (value: unknown, field: string, json: JsonReader): object {
  // Some clients write nothing, or null, for a function without arguments.
  const text = typeof value === 'string'
    ? value || '{}'
    : value === undefined || value === null ? '{}' : refuse(field, OPENAI_FAULTS.mustBeArguments)
  let parsed: unknown
  try {
    // The engine's process gets a copy of what is parsed, and copying is recursive.
    parsed = json.parse(text)
  } catch (error) {
    if (error instanceof JsonBoundsError) {
      throw withDetails(new InvalidFieldError(field, error.fault), { limit: error.limit })
    }
    parsed = null
  }
  return typeof parsed === 'object' && parsed !== null ? parsed : refuse(field, OPENAI_FAULTS.mustBeArguments)
}

function asObject (value: unknown, field: string): Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? value as Json
    : refuse(field, OPENAI_FAULTS.mustBeObject)
}

function refuse (field: string, fault: Phrase): never {
  throw new InvalidFieldError(field, fault)
}
