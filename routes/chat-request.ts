import type { FastifyRequest } from 'fastify'
import { Type, type TSchema } from 'typebox'
import { ChatFieldsSchema, ErrorSchema } from '../schemas/chat.ts'
import type { ChatRequest } from '../services/chat/answer.ts'
import { parseChatFields } from '../services/chat/fields.ts'

/** What both chat routes hand to the service, once the body is on disk. */
export function toChatRequest (request: FastifyRequest): ChatRequest {
  const { work, upload, id } = request
  return {
    fields: parseChatFields(upload!.fields),
    files: upload!.files,
    requestId: id,
    startedAt: work!.startedAt,
    queueMs: work!.slot.waitedMs,
    uploadMs: upload!.uploadMs
  }
}

const MultipartSchema = Type.Object({
  ...ChatFieldsSchema.properties,
  images: Type.Optional(Type.Array(Type.String({ format: 'binary' }), { description: 'Pictures: JPEG, PNG, WebP, AVIF, GIF (first frame) or TIFF; repeat the field' }))
}, { additionalProperties: false })

const JsonSchema = Type.Object({
  ...ChatFieldsSchema.properties,
  images: Type.Optional(Type.Array(Type.String(), { description: 'Pictures as data URIs with base64' }))
}, { additionalProperties: false })

const FAULTS: Record<number, string> = {
  400: 'A field is missing, malformed or unknown',
  408: 'The upload took too long',
  410: 'A picture of an earlier turn is no longer cached',
  413: 'The body, a file or the conversation is too large',
  415: 'The body or a picture has a type that is not supported',
  422: 'A picture is corrupt, or the pictures do not fit the context',
  429: 'All slots are busy; `Retry-After` says when to try again',
  500: 'The model or the service failed',
  503: 'The model is not ready, or the service is shutting down or overloaded',
  504: 'The request took too long'
}

/** Schema of a chat route. It documents; what is checked, and how it is said, is up to `parseChatFields`. */
export function chatDocs ({ operationId, summary, answer, mediaType = 'application/json' }: { operationId: string, summary: string, answer: TSchema, mediaType?: string }) {
  const faults = Object.entries(FAULTS).map(([status, description]) => [status, { description, content: { 'application/json': { schema: ErrorSchema } } }])
  return {
    schema: {
      operationId,
      summary,
      body: { content: { 'multipart/form-data': { schema: MultipartSchema }, 'application/json': { schema: JsonSchema } } },
      response: { 200: { description: 'The answer', content: { [mediaType]: { schema: answer } } }, ...Object.fromEntries(faults) }
    },
    validatorCompiler: () => () => true,
    serializerCompiler: () => (data: unknown) => JSON.stringify(data)
  }
}
