import { isUtf8 } from 'node:buffer'
import { addAbortSignal, type Readable } from 'node:stream'
import multipart, { type MultipartFile } from '@fastify/multipart'
import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { InvalidFieldError, InvalidMultipartError } from '../errors/catalogue.ts'
import { verbatim } from '../errors/language.ts'
import { BODY_FAULTS, FIELD_FAULTS } from '../errors/phrases.ts'
import { ChatFieldsSchema } from '../schemas/chat.ts'
import { FORM_MAX_PARTS } from '../schemas/limits.ts'
import type { UploadedFile } from '../services/chat/request.ts'
import { isChatField, isOfBrowser, unknownField } from '../services/chat/unknown-field.ts'
import { parseFieldName, type FieldName } from '../services/uploads/field-names.ts'
import { createFormFields, type RawFields } from '../services/uploads/form-fields.ts'
import { NumberedList } from '../services/uploads/numbered-list.ts'
import { PartHeads } from '../services/uploads/part-heads.ts'
import { decodeStream } from '../services/uploads/transfer-encoding.ts'
import { workOf } from './cleanup.ts'
import { uploadOf } from './uploads.ts'

const isTextField = (name: string) => Object.hasOwn(ChatFieldsSchema.properties, name)
/** Whether a part has the file name or the media type of a file. */
const looksLikeFile = (type: string, filename: string | undefined) =>
  filename !== undefined || type === 'application/octet-stream' || type.startsWith('image/')

/**
 * Reads the multipart forms of its context: saves the images, hashed while they are written, and makes the other
 * fields the body of the request, which is checked like a JSON body.
 */
const plugin: FastifyPluginAsync = async app => {
  await app.register(multipart, {
    throwFileSizeLimit: false,
    // Every part becomes a stream when it begins: an unknown field is refused before its content arrives, and the
    // parser would decode texts in invalid encodings to other texts.
    isPartAFile: () => true,
    // These limits are one above ours, so that our checks report the error. `Upload` bounds the number of images.
    limits: {
      fileSize: Infinity,
      // A file can be a text field, or an input in which nothing is chosen.
      files: FORM_MAX_PARTS + 1,
      headerPairs: 100,
      parts: FORM_MAX_PARTS
    }
  })

  app.addHook('preValidation', async request => {
    if (!request.isMultipart()) return
    request.body = await workOf(request).run(() => readForm(request))
    uploadOf(request).end()
  })

  async function readForm (request: FastifyRequest): Promise<RawFields> {
    const heads = watchHeads(request)
    const signal = AbortSignal.any([workOf(request).signal, heads.signal])
    const images = { images: new NumberedList<UploadedFile>(), history_images: new NumberedList<UploadedFile>() }
    const form = createFormFields()
    try {
      const parts = request.parts()
      let number = 0
      for (let part = await nextPart(parts, signal); part; part = await nextPart(parts, signal)) {
        number++
        const { fieldname, encoding } = part
        if (fieldname === undefined) throw new InvalidMultipartError(BODY_FAULTS.namelessPart)
        // The options make every part a file.
        if (part.type === 'field') continue
        const source = addAbortSignal(signal, decodeStream(part.file, encoding, fieldname))
        if (isOfBrowser(fieldname)) {
          source.resume()
          continue
        }
        const name = parseFieldName(fieldname, isChatField)
        if (name === null) throw unknownField(fieldname)
        const type = part.mimetype
        const isFile = looksLikeFile(type, part.filename)
        const read = isImageField(name.field)
          ? readImage(request, part, source, name, images[name.field])
          : form.addPart(name, source, { type, charset: heads.charsetOf(number), isFile })
        await read.catch(error => {
          signal.throwIfAborted()
          refuseForm(error)
        })
      }
      heads.signal.throwIfAborted()
    } finally {
      heads.stop()
    }
    const upload = uploadOf(request)
    upload.images.push(...images.images.values)
    upload.historyImages.push(...images.history_images.values)
    return form.fields
  }

  async function readImage (
    request: FastifyRequest, part: MultipartFile, source: Readable, name: FieldName,
    siblings: NumberedList<UploadedFile>
  ): Promise<void> {
    if (!await hasImage(part, source)) return
    const index = siblings.length
    const field = `${name.field}[${name.index ?? index}]`
    const { filename } = part
    siblings.add(await uploadOf(request).save(source, { field, index, filename }), name)
  }
}

const isImageField = (name: string): name is 'images' | 'history_images' => !isTextField(name)

/** Watches the heads of the parts of a form. The signal fires at a part that the parser would skip in silence. */
function watchHeads ({ raw, headers }: FastifyRequest) {
  const heads = new PartHeads(headers['content-type'])
  const fault = new AbortController()
  const read = (chunk: Buffer) => {
    try {
      heads.push(chunk)
    } catch (error) {
      stop()
      fault.abort(error)
    }
  }
  const stop = () => raw.off('data', read)
  raw.on('data', read)
  return { signal: fault.signal, charsetOf: (part: number) => heads.charsetOf(part), stop }
}

/**
 * Returns whether a part contains an image. Browsers send an empty part for a file input in which nothing is chosen,
 * with an empty file name; HTML forms also send empty texts.
 * @throws InvalidFieldError if the part is text
 */
async function hasImage ({ fieldname, filename, mimetype }: MultipartFile, source: Readable): Promise<boolean> {
  if (filename) return true
  const chunks = source.iterator({ destroyOnReturn: false })
  const { value: start, done } = await chunks.next() as IteratorResult<Buffer, undefined>
  await chunks.return?.()
  if (done || start === undefined) return false
  // Some clients give images neither a file name nor a type, e.g. .NET's ByteArrayContent.
  if (!looksLikeFile(mimetype, filename) && isUtf8(start) && !start.includes(0)) {
    throw new InvalidFieldError(fieldname, FIELD_FAULTS.mustBeFile)
  }
  source.unshift(start)
  return true
}

/** Returns the next part of a form, or null after the last. Rejects when the request is aborted. */
async function nextPart<T> (parts: AsyncIterator<T>, signal: AbortSignal): Promise<T | null> {
  signal.throwIfAborted()
  let onAbort!: () => void
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
  })
  try {
    const { value, done } = await Promise.race([parts.next().catch(refuseForm), aborted])
    return done ? null : value
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/** The parser's errors, e.g. for a form without a boundary, have neither a status nor the number of a system call. */
function refuseForm (error: Error & { statusCode?: number, errno?: number }): never {
  const isParserError = error.statusCode === undefined && error.errno === undefined
  throw isParserError ? new InvalidMultipartError(verbatim(error.message)) : error
}

export default fp(plugin, { fastify: '5.x', name: 'multipart', dependencies: ['uploads'] })
