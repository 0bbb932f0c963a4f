import { addAbortSignal } from 'node:stream'
import multipart, { type MultipartFile } from '@fastify/multipart'
import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { InvalidFieldError, InvalidMultipartError, UnknownFieldError } from '../errors/catalogue.ts'
import { verbatim } from '../errors/language.ts'
import { BODY_FAULTS, FIELD_FAULTS } from '../errors/phrases.ts'
import { ChatFieldsSchema } from '../schemas/chat.ts'
import { FIELD_MAX_BYTES, FORM_MAX_FIELDS, FORM_MAX_PARTS, NAME_MAX_SHOWN } from '../schemas/limits.ts'
import type { UploadedFile } from '../services/chat/request.ts'
import { createFormFields, type RawFields } from '../services/uploads/form-fields.ts'
import { workOf } from './cleanup.ts'
import { uploadOf } from './uploads.ts'

export interface MultipartOptions {
  maxImages: number
}

const isTextField = (name: string) => Object.hasOwn(ChatFieldsSchema.properties, name)
/** Values of `Content-Transfer-Encoding` that leave the bytes as they are. */
const PLAIN_ENCODINGS = ['7bit', '8bit', 'binary']
const isJson = (type: string) => type.startsWith('application/json')
const isFile = (type: string, filename: string | undefined) =>
  filename !== undefined || type === 'application/octet-stream'

/**
 * Reads the multipart forms of its context: saves the images, hashed while they are written, and makes the other
 * fields the body of the request, which is checked like a JSON body.
 */
const plugin: FastifyPluginAsync<MultipartOptions> = async (app, { maxImages }) => {
  await app.register(multipart, {
    throwFileSizeLimit: false,
    // The parser collects text fields in memory. All other parts become streams when they begin: an unknown field is
    // refused before its content arrives.
    isPartAFile: (name, type = '', filename) =>
      isFile(type, filename) || isJson(type) || name === undefined || !isTextField(name),
    // These limits are one above ours, so that our checks report the error. `Upload` bounds the number of images.
    limits: {
      fileSize: Infinity,
      fieldSize: FIELD_MAX_BYTES,
      fields: FORM_MAX_FIELDS + 1,
      files: maxImages + FORM_MAX_FIELDS + 1,
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
    const { signal } = workOf(request)
    const upload = uploadOf(request)
    const images: Record<string, UploadedFile[]> = { images: upload.images, history_images: upload.historyImages }
    const form = createFormFields()
    const parts = request.parts()
    for (let part = await nextPart(parts, signal); part; part = await nextPart(parts, signal)) {
      const { fieldname: name, mimetype, encoding } = part
      if (name === undefined) throw new InvalidMultipartError(BODY_FAULTS.namelessPart)
      if (!PLAIN_ENCODINGS.includes(encoding)) {
        throw new InvalidMultipartError(BODY_FAULTS.encodedPart(encoding.slice(0, NAME_MAX_SHOWN)))
      }
      if (part.type === 'field') {
        form.addText(name, part.value as string, part.valueTruncated)
      } else if (Object.hasOwn(images, name)) {
        if (!isFile(mimetype, part.filename)) throw new InvalidFieldError(name, FIELD_FAULTS.mustBeFile)
        await saveImage(request, part, images[name]!)
      } else if (!isTextField(name)) {
        throw new UnknownFieldError(name.slice(0, NAME_MAX_SHOWN))
      } else if (isFile(mimetype, part.filename)) {
        throw new InvalidFieldError(name, FIELD_FAULTS.mustBeText)
      } else {
        await form.addJson(name, addAbortSignal(signal, part.file)).catch(refuseForm)
      }
    }
    return form.fields
  }

  async function saveImage (
    request: FastifyRequest, { fieldname, file: source, filename }: MultipartFile, siblings: UploadedFile[]
  ): Promise<void> {
    const index = siblings.length
    siblings.push(await uploadOf(request)
      .save(source, { field: `${fieldname}[${index}]`, index, filename }).catch(refuseForm))
  }
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
