import type { FastifyRequest } from 'fastify'
import { Type, type TSchema } from 'typebox'
import { ChatFieldsSchema, ErrorSchema } from '../schemas/chat.ts'
import { parseChatFields } from '../services/chat/fields.ts'
import { toQuestion } from '../services/chat/question.ts'
import type { RawFields } from '../services/uploads/body.ts'
import type { ChatQuestion, ChatRequest } from '../services/chat/request.ts'
import { documentOnly, faultDocs } from './docs.ts'

/** What `/api/chat` and `/api/chat_stream` hand to the service, once the body is on disk. */
export function toChatRequest (request: FastifyRequest): ChatRequest {
  const { fields, images, historyImages } = request.upload!
  return withRequest(toQuestion(parseChatFields(fields as RawFields), images, historyImages), request)
}

/** A question together with the images and the standing of the request that asks it. */
export function withRequest (question: ChatQuestion, { work, upload, client, id, trace }: FastifyRequest): ChatRequest {
  return {
    ...question,
    files: [...upload!.images, ...upload!.historyImages],
    scope: client.scope,
    requestId: id,
    startedAt: work!.startedAt,
    queueMs: work!.slot.waitedMs,
    uploadMs: upload!.uploadMs,
    ...trace && { traceHeaders: trace.headers }
  }
}

const files = (description: string) =>
  Type.Optional(Type.Array(Type.Unsafe<Blob>({ type: 'string', format: 'binary' }), { description }))

/** Generators take one kind of body, and JSON where there is a choice: then their clients could not send files. So the form is the one that is documented. */
const FormSchema = Type.Object({
  ...ChatFieldsSchema.properties,
  images: files('Pictures: JPEG, PNG, WebP, AVIF, GIF (first frame) or TIFF; repeat the field, at most MAX_IMAGES (8)'),
  history_images: files(
    'Pictures of `history` that are sent again, after 410 IMAGE_EXPIRED; their bytes tell which they are. They count towards MAX_IMAGES'
  )
}, {
  title: 'ChatForm',
  additionalProperties: false,
  description: 'Numbers are decimal strings; `response_format` is JSON; `history` is a JSON list, or a repeated field with a turn each. ' +
    'The same fields are taken as an application/json body, with pictures as data URIs'
})

/** Schema of a chat route. It documents; what is checked, and how it is said, is up to `parseChatFields`. */
export function chatDocs ({
  operationId, summary, answer, mediaType = 'application/json'
}: { operationId: string, summary: string, answer: TSchema, mediaType?: string }) {
  return {
    schema: {
      operationId,
      summary,
      tags: ['chat'],
      body: { content: { 'multipart/form-data': { schema: FormSchema } } },
      response: {
        200: { description: 'The answer', content: { [mediaType]: { schema: answer } } },
        ...faultDocs([400, 401, 408, 410, 413, 415, 422, 429, 431, 500, 503, 504, 507], ErrorSchema)
      }
    },
    ...documentOnly
  }
}
