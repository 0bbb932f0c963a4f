import type { Readable } from 'node:stream'
import {
  FieldTooLargeError, FormTooLargeError, InvalidFieldError, InvalidHistoryError, InvalidMultipartError, withDetails
} from '../../errors/catalogue.ts'
import { FIELD_FAULTS } from '../../errors/phrases.ts'
import { FIELD_MAX_BYTES, FORM_MAX_FIELDS, FORM_TEXT_MAX_BYTES } from '../../schemas/limits.ts'
import { JsonBoundsError, JsonReader } from '../json-bounds.ts'

/** Fields as they were sent: strings from a form (a repeated field is a list), any JSON value from a JSON body. */
export type RawFields = Record<string, unknown>

/**
 * The text fields of a form. They are kept in memory, so their number, the size of each and the total size are bounded
 * while they arrive.
 */
export interface FormFields {
  /** The fields by name. A repeated field is a list. */
  readonly fields: RawFields
  /**
   * Adds a text field.
   * @param isCut whether the parser has dropped bytes beyond FIELD_MAX_BYTES
   * @throws FieldTooLargeError, FormTooLargeError, InvalidMultipartError
   */
  addText (name: string, value: string, isCut: boolean): void
  /**
   * Reads and parses a part of type `application/json`.
   * @throws errors of `addText`, InvalidFieldError, InvalidHistoryError
   */
  addJson (name: string, part: Readable): Promise<void>
}

export function createFormFields (): FormFields {
  const fields: RawFields = Object.create(null)
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

  function add (name: string, value: unknown): void {
    const before = fields[name]
    fields[name] = before === undefined ? value : [...(Array.isArray(before) ? before : [before]), value]
  }

  return {
    fields,

    addText (name, value, isCut) {
      countField()
      if (isCut) throw new FieldTooLargeError(name, FIELD_MAX_BYTES)
      const length = Buffer.byteLength(value)
      // The size is 0 because the parser has already checked it. A field in another character set had fewer bytes than
      // its text in UTF-8.
      countBytes(name, length, 0)
      add(name, value)
    },

    async addJson (name, part) {
      countField()
      const chunks: Buffer[] = []
      let size = 0
      for await (const chunk of part as AsyncIterable<Buffer>) {
        size += chunk.length
        countBytes(name, chunk.length, size)
        chunks.push(chunk)
      }
      try {
        add(name, json.parse(Buffer.concat(chunks).toString()))
      } catch (error) {
        const fault = error instanceof JsonBoundsError ? error.fault : FIELD_FAULTS.invalidJson
        const refusal = name === 'history' ? new InvalidHistoryError(fault) : new InvalidFieldError(name, fault)
        throw error instanceof JsonBoundsError ? withDetails(refusal, { limit: error.limit }) : refusal
      }
    }
  }
}
