import type { Readable } from 'node:stream'
import {
  FieldTooLargeError, FormTooLargeError, InvalidFieldError, InvalidHistoryError, InvalidMultipartError, withDetails
} from '../../errors/catalogue.ts'
import { FIELD_FAULTS } from '../../errors/phrases.ts'
import { FIELD_MAX_BYTES, FORM_MAX_FIELDS, FORM_TEXT_MAX_BYTES } from '../../schemas/limits.ts'
import { JsonBoundsError, JsonReader } from '../json-bounds.ts'
import type { FieldName } from './field-names.ts'
import { NumberedList } from './numbered-list.ts'

/** Fields as they were sent: strings from a form (a repeated field is a list), any JSON value from a JSON body. */
export type RawFields = Record<string, unknown>

/**
 * The text fields of a form. They are kept in memory, so their number, the size of each and the total size are bounded
 * while they arrive.
 */
export interface FormFields {
  /** The fields by name. A repeated field, and a field with numbered items, is a list. */
  readonly fields: RawFields
  /**
   * Reads a text field while it arrives.
   * @throws FieldTooLargeError, FormTooLargeError, InvalidMultipartError, InvalidFieldError, InvalidHistoryError
   */
  addPart (name: FieldName, part: Readable, type: PartType): Promise<void>
}

/** The type of a part as its head states it. */
export interface PartType {
  /** The media type; `text/plain` if there is none. */
  type: string
  /** The name of the character set; `utf-8` if there is none. */
  charset: string
  /** Whether it has the file name or the media type of a file. */
  isFile: boolean
}

/** `application/json`, `application/ld+json` … */
const JSON_TYPE = /^application\/(?:[\w.-]+\+)?json\b/i
/** Types of texts, and the type of a `Blob` without one. */
const TEXT_TYPE = /^(?:text\/|application\/octet-stream\b)/i
/** A JSON part of these fields that is no JSON string is the text itself. */
const TEXTS = new Set(['message', 'system'])

export const isJsonType = (type: string) => JSON_TYPE.test(type)

/** A turn of the history of which every member is a field. */
type Turn = Record<string, unknown>

export function createFormFields (): FormFields {
  const lists = new Map<string, NumberedList<unknown>>()
  /** Fields with one value whose name has no brackets. */
  const single = new Set<string>()
  const turns = new Map<unknown, NumberedList<unknown>>()
  /** The last turn without a number, and its last member. */
  let open: { turn: Turn, last: string } | null = null
  const json = new JsonReader()
  let count = 0
  let bytes = 0

  function countField (): void {
    if (++count <= FORM_MAX_FIELDS) return
    const fault = { en: `it has more than ${FORM_MAX_FIELDS} text fields`, zh: `文本字段超过 ${FORM_MAX_FIELDS} 个` }
    throw withDetails(new InvalidMultipartError(fault), { limit: FORM_MAX_FIELDS })
  }

  /** Counts bytes of a field that has `size` bytes so far. */
  function countBytes (name: string, length: number, size: number): void {
    if (size > FIELD_MAX_BYTES) throw new FieldTooLargeError(name, FIELD_MAX_BYTES)
    bytes += length
    if (bytes > FORM_TEXT_MAX_BYTES) throw new FormTooLargeError(name, FORM_TEXT_MAX_BYTES)
  }

  function add (name: FieldName, value: unknown): void {
    const list = listOf(name.field)
    if (name.member !== undefined) return addMember(turnOf(list, name), name, value)
    list.add(value, name)
    if (list.length === 1 && name.index === undefined) single.add(name.field)
    else single.delete(name.field)
  }

  function listOf (field: string): NumberedList<unknown> {
    const list = lists.get(field) ?? new NumberedList()
    lists.set(field, list)
    return list
  }

  /** Returns the turn that a member such as `history[0][role]` belongs to. */
  function turnOf (list: NumberedList<unknown>, name: FieldName): Turn {
    if (name.index === null) return turnWithoutNumber(list, name)
    const known = list.at(name.index!)
    if (known !== undefined && !turns.has(known)) throw new InvalidFieldError(name.name, FIELD_FAULTS.repeated)
    return known === undefined ? addTurn(list, name) : known as Turn
  }

  function addTurn (list: NumberedList<unknown>, name: FieldName): Turn {
    const turn: Turn = {}
    list.add(turn, name)
    turns.set(turn, new NumberedList())
    return turn
  }

  /** A turn without a number ends when a member arrives that it has. Only images follow each other. */
  function turnWithoutNumber (list: NumberedList<unknown>, name: FieldName): Turn {
    const member = name.member!
    const isNew = open === null || (Object.hasOwn(open.turn, member) && !(member === 'images' && open.last === member))
    open = { turn: isNew ? addTurn(list, name) : open!.turn, last: member }
    return open.turn
  }

  function addMember (turn: Turn, { name, member, memberIndex }: FieldName, value: unknown): void {
    if (member !== 'images') {
      if (Object.hasOwn(turn, member!)) throw new InvalidFieldError(name, FIELD_FAULTS.repeated)
      turn[member!] = value
      return
    }
    const images = turns.get(turn)!
    images.add(value, { name, index: memberIndex })
    turn.images = images.values
  }

  /** A field of text that is sent as JSON: a JSON string, or the text itself. */
  function parse ({ field, name }: FieldName, text: string): unknown {
    try {
      const value = json.parse(text)
      return TEXTS.has(field) && typeof value !== 'string' ? text : value
    } catch (error) {
      if (TEXTS.has(field)) return text
      const fault = error instanceof JsonBoundsError ? error.fault : FIELD_FAULTS.invalidJson
      const refusal = field === 'history' ? new InvalidHistoryError(fault) : new InvalidFieldError(name, fault)
      throw error instanceof JsonBoundsError ? withDetails(refusal, { limit: error.limit }) : refusal
    }
  }

  return {
    get fields () {
      const values = Array.from(lists, ([field, list]) => [field, single.has(field) ? list.values[0] : list.values])
      return Object.assign(Object.create(null), Object.fromEntries(values))
    },

    async addPart (name, part, { type, charset, isFile }) {
      const isJson = isJsonType(type)
      if (isFile && !isJson && !TEXT_TYPE.test(type)) throw new InvalidFieldError(name.name, FIELD_FAULTS.mustBeText)
      countField()
      const chunks: Buffer[] = []
      let size = 0
      for await (const chunk of part as AsyncIterable<Buffer>) {
        size += chunk.length
        countBytes(name.name, chunk.length, size)
        chunks.push(chunk)
      }
      const content = Buffer.concat(chunks)
      if (isFile && content.includes(0)) throw new InvalidFieldError(name.name, FIELD_FAULTS.mustBeText)
      const text = decode(content, charset, name.name)
      // An empty part is an empty field, whatever its type.
      add(name, isJson && text.trim() !== '' ? parse(name, text) : text)
    }
  }
}

/** Decodes a text without its byte order mark, with which editors on Windows begin text files. */
function decode (content: Buffer, charset: string, name: string): string {
  const decoder = decoderOf(charset)
  if (decoder === null) throw new InvalidFieldError(name, FIELD_FAULTS.unknownCharset(charset))
  try {
    return decoder.decode(content)
  } catch {
    throw new InvalidFieldError(name, FIELD_FAULTS.notInCharset(decoder.encoding.toUpperCase()))
  }
}

function decoderOf (charset: string) {
  try {
    return new TextDecoder(charset, { fatal: true })
  } catch {
    return null
  }
}
