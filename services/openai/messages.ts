import { InvalidFieldError, withDetails } from '../../errors/catalogue.ts'
import type { Phrase } from '../../errors/language.ts'
import { FIELD_FAULTS, OPENAI_FAULTS } from '../../errors/phrases.ts'
import { checkCount } from '../../schemas/check.ts'
import { IMAGE_ID_PATTERN } from '../../schemas/image.ts'
import { CALLS_MAX, MESSAGES_MAX_PARTS } from '../../schemas/limits.ts'
import type { EarlierCall, FilePart, Message, MessageContent } from '../../schemas/openai-request.ts'
import { namedImagesFault } from '../chat/named-images.ts'
import type { ChatPart, ChatTurn } from '../chat/request.ts'
import type { ToolCall } from '../engine/engine.ts'
import { JsonBoundsError, JsonReader } from '../json-bounds.ts'
import type { ImageSource } from '../uploads/image-source.ts'
import type { PageWish } from '../chat/expansion.ts'
import { placeOfImage } from './image-parts.ts'

/** An image of a message, or a file with the pages that its part asks for. */
export type WantedSource = ImageSource & { pages?: PageWish }

/** `image_url: { url: 'sightline:sha256:…' }` names an image of an earlier request by the id on its receipt. */
const EARLIER = 'sightline:'
const EARLIER_ID = new RegExp(IMAGE_ID_PATTERN)
const BARE_ID = /^sha256:/i
/** Longest side in pixels with `detail: 'low'`, as in the OpenAI API. */
const LOW_DETAIL_SIDE = 512

/**
 * Converts messages to turns. The result of a tool call is attached to the call.
 * @returns the turns, and the images that their parts name by index
 * @throws InvalidFieldError naming the place, e.g. `messages[0].content[1].image_url.url`
 */
export function readMessages (messages: Message[]): { turns: ChatTurn[], images: WantedSource[] } {
  checkSums(messages)
  const turns: ChatTurn[] = []
  const images: WantedSource[] = []
  const calls = new Map<string, ToolCall<ChatPart>>()
  const json = new JsonReader()

  for (const [index, message] of messages.entries()) {
    const field = `messages[${index}]`
    const partsOf = (content: MessageContent) => readContent(content, `${field}.content`, images)
    switch (message.role) {
      case 'system':
      case 'developer':
        turns.push({ role: 'system', parts: partsOf(message.content) })
        break
      case 'user':
        turns.push({ role: 'user', parts: partsOf(message.content) })
        break
      case 'assistant': {
        const own = readCalls(message.tool_calls ?? [], `${field}.tool_calls`, json)
        const parts = message.content ? partsOf(message.content) : []
        turns.push({ role: 'assistant', parts, ...own.size > 0 && { calls: [...own.values()] } })
        for (const [id, call] of own) calls.set(id, call)
        break
      }
      case 'tool': {
        const call = calls.get(message.tool_call_id) ?? refuse(`${field}.tool_call_id`, OPENAI_FAULTS.unknownCall)
        call.result.push(...partsOf(message.content))
      }
    }
  }
  checkNamedImages(turns)
  return { turns, images }
}

/** Bounds the parts and the calls of all messages together. */
function checkSums (messages: Message[]): void {
  const sum = (count: (message: Message) => number) => messages.reduce((total, message) => total + count(message), 0)
  const parts = sum(({ content }) => Array.isArray(content) ? content.length : 0)
  checkCount('messages', parts, MESSAGES_MAX_PARTS, { en: 'parts of content', zh: '个内容片段' })
  const calls = sum(message => message.role === 'assistant' ? message.tool_calls?.length ?? 0 : 0)
  checkCount('messages', calls, CALLS_MAX, { en: 'tool calls', zh: '个工具调用' })
}

function checkNamedImages (turns: ChatTurn[]): void {
  const parts = turns.flatMap(turn => [...turn.parts, ...(turn.calls ?? []).flatMap(call => call.result)])
  const named = namedImagesFault(parts.flatMap(part => part.type === 'earlier' ? [part.id] : []))
  if (named) throw withDetails(new InvalidFieldError('messages', named.fault), { limit: named.limit })
}

function readContent (content: MessageContent, field: string, images: WantedSource[]): ChatPart[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }]
  return content.map((part, index): ChatPart => {
    switch (part.type) {
      case 'text':
        return { type: 'text', text: part.text }
      case 'refusal':
        return { type: 'text', text: part.refusal }
      case 'file':
        return readFile(part.file, placeOfImage(part, `${field}[${index}]`), `${field}[${index}]`, images)
      default:
        return readImage(part.image_url, placeOfImage(part, `${field}[${index}]`), images)
    }
  })
}

function readImage (
  { url, detail }: { url: string, detail?: string | null }, field: string, images: WantedSource[]
): ChatPart {
  // The id on a receipt, as `history` of `/api` names it.
  if (BARE_ID.test(url)) refuse(field, OPENAI_FAULTS.mustBeImageId)
  if (url.startsWith(EARLIER)) {
    const id = url.slice(EARLIER.length)
    const wanted = detail === 'low' ? { maxSide: LOW_DETAIL_SIDE } : detail === 'high' ? { maxSide: Infinity } : {}
    return EARLIER_ID.test(id) ? { type: 'earlier', id, ...wanted } : refuse(field, OPENAI_FAULTS.mustBeImageId)
  }
  const file = images.push({ field, uri: url, remote: true }) - 1
  return { type: 'upload', file, ...detail === 'low' && { maxSide: LOW_DETAIL_SIDE } }
}

function readFile (
  { file_data: uri, filename, pages }: FilePart['file'], field: string, part: string, images: WantedSource[]
): ChatPart {
  const wish = pages === undefined ? {} : { pages: { field: `${part}.file.pages`, list: pages } }
  const file = images.push({ field, uri, remote: true, filename: filename ?? undefined, ...wish }) - 1
  return { type: 'upload', file }
}

/** Returns the calls of a message by their ids. */
function readCalls (calls: EarlierCall[], field: string, json: JsonReader): Map<string, ToolCall<ChatPart>> {
  const ids = new Set<string>()
  for (const [index, { id }] of calls.entries()) {
    if (ids.has(id)) refuse(`${field}[${index}].id`, FIELD_FAULTS.repeated)
    ids.add(id)
  }
  return new Map(calls.map(({ id, function: { name, arguments: text } }, index) => {
    const args = parseArguments(text ?? null, `${field}[${index}].function.arguments`, json)
    return [id, { name, arguments: args, result: [] }]
  }))
}

/** Some clients send an empty text or null for a function without arguments. */
function parseArguments (text: string | null, field: string, json: JsonReader): object {
  let parsed: unknown
  try {
    // The worker process gets a copy of the result, and copying is recursive: the reader bounds its depth.
    parsed = json.parse(text || '{}')
  } catch (error) {
    if (error instanceof JsonBoundsError) {
      throw withDetails(new InvalidFieldError(field, error.fault), { limit: error.limit })
    }
    parsed = null
  }
  // PHP writes an empty object as an empty list.
  if (Array.isArray(parsed) && parsed.length === 0) return {}
  const isObject = typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)
  return isObject ? parsed as object : refuse(field, OPENAI_FAULTS.mustBeArguments)
}

function refuse (field: string, fault: Phrase): never {
  throw new InvalidFieldError(field, fault)
}
