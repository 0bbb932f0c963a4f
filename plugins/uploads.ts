import { addAbortSignal, Readable } from 'node:stream'
import multipart, { type MultipartFile } from '@fastify/multipart'
import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import {
  FileTooLargeError, InvalidFieldError, InvalidJsonError, InvalidMultipartError, TooManyImagesError, UnknownFieldError,
  UnsupportedMediaTypeError, UploadTimeoutError, withDetails
} from '../errors/catalogue.ts'
import { verbatim } from '../errors/language.ts'
import { BODY_FAULTS, FIELD_FAULTS } from '../errors/phrases.ts'
import { ChatFieldsSchema } from '../schemas/chat.ts'
import { FIELD_MAX_BYTES, FORM_MAX_FIELDS, FORM_MAX_PARTS } from '../schemas/limits.ts'
import type { UploadedFile } from '../services/chat/request.ts'
import type { UploadStore } from '../services/upload-store.ts'
import { HISTORY_IMAGES, IMAGES, type Body, type RawFields } from '../services/uploads/body.ts'
import { createFormFields } from '../services/uploads/form-fields.ts'
import { decodeDataUri } from '../services/uploads/data-uri.ts'
import type { ImageFetcher } from '../services/uploads/fetch-image.ts'
import { labelOf } from '../services/uploads/label.ts'
import { saveFile } from '../services/uploads/save-file.ts'
import type { Work } from '../services/work.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The body carries images; they are on disk when the handler runs. */
    upload?: {
      /** Whether it may be a multipart form too, with the fields of a chat request. */
      forms: boolean
      /** Takes a JSON body apart. */
      read (body: RawFields): Body
    }
  }
  interface FastifyRequest { upload: Upload | null }
}

/** A request's body, wherever it came from: fields unchecked, images on disk in the order in which they were sent. */
export interface Upload {
  fields: object
  images: UploadedFile[]
  /** Images of earlier turns that were sent again. */
  historyImages: UploadedFile[]
  /** From admission to the last byte. */
  uploadMs: number
}

export interface UploadsOptions {
  store: UploadStore
  fetcher: ImageFetcher
  maxImages: number
  maxFileSizeMb: number
  uploadTimeoutMs: number
  /** Called with each image of a form that is on disk, while the rest is still arriving; what it returns is waited for before the files go. */
  onSaved (file: UploadedFile, scope: string, signal: AbortSignal): Promise<void>
}

/** How much of the name of an unknown field an error repeats. */
const NAME_MAX_SHOWN = 100
const isTextField = (name: string | undefined) => name !== undefined && Object.hasOwn(ChatFieldsSchema.properties, name)
const isJson = (type: string) => type.startsWith('application/json')
const isFile = (type: string, filename: string | undefined) =>
  filename !== undefined || type === 'application/octet-stream'

/** Saves the images of a request to its own folder, hashed while they are written, and hands over the other fields. */
const plugin: FastifyPluginAsync<UploadsOptions> = async (
  app, { store, fetcher, maxImages, maxFileSizeMb, uploadTimeoutMs, onSaved }
) => {
  const maxBytes = Math.floor(maxFileSizeMb * 1024 * 1024)
  await app.register(multipart, {
    throwFileSizeLimit: false,
    // The parser collects text fields in memory. All other parts become streams when they begin: an unknown field is
    // refused before its content arrives.
    isPartAFile: (name, type = '', filename) => isFile(type, filename) || isJson(type) || !isTextField(name),
    // One more than allowed, so that the error is ours. Sizes of files are up to those who read them.
    limits: {
      fileSize: Infinity,
      fieldSize: FIELD_MAX_BYTES,
      fields: FORM_MAX_FIELDS + 1,
      files: maxImages + FORM_MAX_FIELDS + 1,
      headerPairs: 100,
      parts: FORM_MAX_PARTS
    }
  })
  // Fastify reads plain text on its own; here it is no body.
  app.removeContentTypeParser('text/plain')
  app.decorateRequest('upload', null)
  const uploadTimers = new WeakMap<FastifyRequest, NodeJS.Timeout>()

  // A slow sender cannot sit on a slot: the time runs from admission, whoever reads the body.
  app.addHook('onRequest', async (request, reply) => {
    const { work } = request
    if (!work || !request.routeOptions.config.upload) return
    const timer = setTimeout(() => work.abort(new UploadTimeoutError(uploadTimeoutMs / 1000)), uploadTimeoutMs)
    // Fastify reads JSON bodies itself and would go on waiting; a multipart form fails by the signal.
    work.signal.addEventListener('abort', () => {
      if (!request.isMultipart() && !reply.sent && !request.raw.complete && !request.raw.destroyed) {
        void reply.send(work.signal.reason)
      }
    }, { once: true })
    // A body that is refused while Fastify parses it never comes to the hook below.
    reply.raw.once('close', () => clearTimeout(timer))
    uploadTimers.set(request, timer)
  })

  app.addHook('preHandler', async request => {
    const { work } = request
    if (!work || !request.routeOptions.config.upload) return
    try {
      const saved = await work.run(() => saveBody(request, work))
      request.upload = { ...saved, uploadMs: performance.now() - work.startedAt }
    } finally {
      clearTimeout(uploadTimers.get(request))
    }
  })

  async function saveBody (request: FastifyRequest, work: Work): Promise<Omit<Upload, 'uploadMs'>> {
    const { forms, read } = request.routeOptions.config.upload!
    if (!request.isMultipart()) return await saveJson(request, work, read)
    if (!forms) throw new UnsupportedMediaTypeError('multipart/form-data')
    return await saveForm(request, work)
  }

  /**
   * @param count images of this request so far
   * @param image index of this one among those of its field
   */
  async function save (
    request: FastifyRequest, work: Work, count: number, field: string, image: number, source: Readable,
    filename?: string
  ): Promise<UploadedFile> {
    if (count >= maxImages) throw new TooManyImagesError(maxImages)
    work.folder ??= await store.open(request.id).catch(error => {
      source.destroy()
      throw error
    })
    const path = work.folder.file(count, 'upload')
    const label = labelOf(field, filename)
    const limit = { bytes: maxBytes, error: () => tooLarge(field, image, label) }
    return { path, field, label, ...await saveFile(source, path, work.signal, limit) }
  }

  const tooLarge = (field: string, image: number, label = field) =>
    withDetails(new FileTooLargeError(label, maxFileSizeMb), { field, image, limit_mb: maxFileSizeMb })

  async function saveForm (request: FastifyRequest, work: Work): Promise<Omit<Upload, 'uploadMs'>> {
    const form = createFormFields()
    const files: Record<string, UploadedFile[]> = { [IMAGES]: [], [HISTORY_IMAGES]: [] }
    let count = 0

    async function saveImage (part: MultipartFile): Promise<void> {
      const siblings = files[part.fieldname]!
      const field = `${part.fieldname}[${siblings.length}]`
      const file = await save(request, work, count, field, siblings.length, part.file, part.filename).catch(refuseForm)
      siblings.push(file)
      count++
      // Rejects only when the request is over already; a refusal does not wait for what nobody will look at.
      work.run(() => onSaved(file, request.client.scope, AbortSignal.any([work.signal, work.ending]))).catch(() => {})
    }

    const parts = request.parts()
    for (let part = await nextPart(parts, work.signal); part; part = await nextPart(parts, work.signal)) {
      const { fieldname: name, mimetype } = part
      if (name === undefined) throw new InvalidMultipartError(BODY_FAULTS.namelessPart)
      if (part.type === 'field') {
        form.addText(name, part.value as string, part.valueTruncated)
      } else if (Object.hasOwn(files, name)) {
        if (!isFile(mimetype, part.filename)) throw new InvalidFieldError(name, FIELD_FAULTS.mustBeFile)
        await saveImage(part)
      } else if (!isTextField(name)) {
        throw new UnknownFieldError(name.slice(0, NAME_MAX_SHOWN))
      } else if (isFile(mimetype, part.filename)) {
        throw new InvalidFieldError(name, FIELD_FAULTS.mustBeText)
      } else {
        await form.addJson(name, addAbortSignal(work.signal, part.file)).catch(refuseForm)
      }
    }
    return { fields: form.fields, images: files[IMAGES]!, historyImages: files[HISTORY_IMAGES]! }
  }

  async function saveJson (
    request: FastifyRequest, work: Work, read: (body: RawFields) => Body
  ): Promise<Omit<Upload, 'uploadMs'>> {
    const { body } = request
    if (typeof body !== 'object' || body === null || Array.isArray(body)) {
      throw new InvalidJsonError(BODY_FAULTS.mustBeObject)
    }
    const { fields, images, historyImages } = read(body as RawFields)
    // Before anything is fetched.
    if (images.length + historyImages.length > maxImages) throw new TooManyImagesError(maxImages)
    const files: UploadedFile[] = []
    for (const { field, uri, remote } of [...images, ...historyImages]) {
      const source =
        remote && isHttpUrl(uri) ? await fetcher.open(uri, field, work.signal) : decoded(uri, field, files.length)
      files.push(await save(request, work, files.length, field, files.length, source))
    }
    // Megabytes of base64 that nobody needs while the answer is made.
    request.body = null
    return { fields, images: files.slice(0, images.length), historyImages: files.slice(images.length) }
  }

  function decoded (uri: unknown, field: string, image: number): Readable {
    const bytes = decodeDataUri(uri, field)
    if (bytes.length > maxBytes) throw tooLarge(field, image)
    return Readable.from([bytes])
  }
}

function isHttpUrl (uri: unknown): uri is string {
  return typeof uri === 'string' && /^https?:/i.test(uri)
}

/** The next part of a form, or null after the last; gives up when the request is aborted. */
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

/** The parser's own errors, say of a form without a boundary or cut off, have neither a status nor the number of a system call. */
function refuseForm (error: Error & { statusCode?: number, errno?: number }): never {
  throw error.statusCode === undefined && error.errno === undefined
    ? new InvalidMultipartError(verbatim(error.message))
    : error
}

export default fp(plugin, { fastify: '5.x', name: 'uploads', dependencies: ['cleanup'] })
