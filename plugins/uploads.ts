import { Readable } from 'node:stream'
import multipart from '@fastify/multipart'
import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { FieldTooLargeError, FileTooLargeError, InvalidFieldError, InvalidJsonError, InvalidMultipartError, TooManyImagesError, UnknownFieldError, UploadTimeoutError, withDetails } from '../errors.ts'
import { ChatFieldsSchema } from '../schemas/chat.ts'
import type { UploadedFile } from '../services/chat/answer.ts'
import type { RawFields } from '../services/chat/fields.ts'
import type { RequestFolder, UploadStore } from '../services/upload-store.ts'
import { decodeDataUri } from '../services/uploads/data-uri.ts'
import { labelOf } from '../services/uploads/label.ts'
import { saveFile } from '../services/uploads/save-file.ts'
import type { Work } from '../services/work.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The body is a multipart form or a JSON object with pictures; they are on disk when the handler runs. */
    upload?: boolean
  }
  interface FastifyRequest { upload: Upload | null }
}

/** A request's body, wherever it came from: fields unchecked, pictures on disk in the order in which they were sent. */
export interface Upload {
  fields: RawFields
  files: UploadedFile[]
  /** From admission to the last byte. */
  uploadMs: number
}

export interface UploadsOptions {
  store: UploadStore
  maxImages: number
  maxFileSizeMb: number
  uploadTimeoutMs: number
}

/** The field that carries pictures. */
const IMAGES = 'images'
const FIELD_MAX_BYTES = 1024 * 1024
const MAX_FIELDS = 64

/** Saves the pictures of a request to its own folder, hashed while they are written, and hands over the other fields. */
const plugin: FastifyPluginAsync<UploadsOptions> = async (app, { store, maxImages, maxFileSizeMb, uploadTimeoutMs }) => {
  const maxBytes = Math.floor(maxFileSizeMb * 1024 * 1024)
  await app.register(multipart, {
    throwFileSizeLimit: false,
    limits: { fileSize: maxBytes, fieldSize: FIELD_MAX_BYTES, fieldNameSize: 100, fields: MAX_FIELDS, files: maxImages + 1, headerPairs: 100 }
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
      if (!request.isMultipart() && !reply.sent && !request.raw.complete && !request.raw.destroyed) void reply.send(work.signal.reason)
    }, { once: true })
    // A body that is refused while Fastify parses it never comes to the hook below.
    reply.raw.once('close', () => clearTimeout(timer))
    uploadTimers.set(request, timer)
  })

  app.addHook('preHandler', async request => {
    const { work } = request
    if (!work || !request.routeOptions.config.upload) return
    try {
      const saved = await work.run(() => request.isMultipart() ? saveForm(request, work) : saveJson(request, work))
      request.upload = { ...saved, uploadMs: performance.now() - work.startedAt }
    } finally {
      clearTimeout(uploadTimers.get(request))
    }
  })

  async function folderOf (request: FastifyRequest, work: Work): Promise<RequestFolder> {
    work.folder ??= await store.open(request.id)
    return work.folder
  }

  async function save (request: FastifyRequest, work: Work, source: Readable, index: number, filename?: string): Promise<UploadedFile> {
    if (index >= maxImages) throw withDetails(new TooManyImagesError(maxImages), { limit: maxImages })
    const folder = await folderOf(request, work)
    const path = folder.file(index, 'upload')
    return { path, label: labelOf(index, filename), ...await saveFile(source, path, work.signal) }
  }

  const tooLarge = (label: string, image: number) => withDetails(new FileTooLargeError(label, maxFileSizeMb), { image, limit_mb: maxFileSizeMb })

  async function saveForm (request: FastifyRequest, work: Work): Promise<Omit<Upload, 'uploadMs'>> {
    const fields: RawFields = Object.create(null)
    const files: UploadedFile[] = []
    const parts = request.parts()
    for (let part = await nextPart(parts, work.signal); part; part = await nextPart(parts, work.signal)) {
      if (part.fieldname === undefined) throw new InvalidMultipartError('a part has no name')
      if (part.type === 'field') {
        if (part.fieldname === IMAGES) throw new InvalidFieldError(IMAGES, 'must be a file')
        if (part.valueTruncated) throw new FieldTooLargeError(part.fieldname, FIELD_MAX_BYTES)
        addField(fields, part.fieldname, part.value)
        continue
      }
      if (part.fieldname !== IMAGES) throw part.fieldname in ChatFieldsSchema.properties ? new InvalidFieldError(part.fieldname, 'must be text, not a file') : new UnknownFieldError(part.fieldname)
      const file = await save(request, work, part.file, files.length, part.filename).catch(refuseForm)
      if (part.file.truncated) throw tooLarge(file.label, files.length)
      files.push(file)
    }
    return { fields, files }
  }

  async function saveJson (request: FastifyRequest, work: Work): Promise<Omit<Upload, 'uploadMs'>> {
    const { body } = request
    if (typeof body !== 'object' || body === null || Array.isArray(body)) throw new InvalidJsonError('it must be an object')
    const { [IMAGES]: images = [], ...fields } = body as RawFields
    if (!Array.isArray(images)) throw new InvalidFieldError(IMAGES, 'must be a list of data URIs')
    const files: UploadedFile[] = []
    for (const [index, uri] of images.entries()) {
      const bytes = decodeDataUri(uri, `${IMAGES}[${index}]`)
      if (bytes.length > maxBytes) throw tooLarge(labelOf(index), index)
      files.push(await save(request, work, Readable.from([bytes]), index))
    }
    // Megabytes of base64 that nobody needs while the answer is made.
    request.body = null
    return { fields, files }
  }
}

/** A repeated field becomes a list. */
function addField (fields: RawFields, name: string, value: unknown): void {
  const before = fields[name]
  fields[name] = before === undefined ? value : [...(Array.isArray(before) ? before : [before]), value]
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
  throw error.statusCode === undefined && error.errno === undefined ? new InvalidMultipartError(error.message) : error
}

export default fp(plugin, { fastify: '5.x', name: 'uploads', dependencies: ['cleanup'] })
