import type { FastifyRequest } from 'fastify'
import type { TSchema } from 'typebox'
import { workOf } from '../plugins/cleanup.ts'
import { uploadOf } from '../plugins/uploads.ts'
import { ChatFormSchema, ErrorSchema, type ChatForm } from '../schemas/chat.ts'
import type { ChatService } from '../services/chat/answer.ts'
import { parseChatForm } from '../services/chat/fields.ts'
import { toQuestion } from '../services/chat/question.ts'
import type { ChatQuestion, ChatRequest } from '../services/chat/request.ts'
import type { ImageSource } from '../services/uploads/image-source.ts'
import { faultDocs } from './error-docs.ts'
import { validateBy } from './validation.ts'

export interface ChatRouteOptions {
  chat: ChatService
  /** Maximum bytes of a JSON body without its images. */
  bodyLimit: number
}

/**
 * Collects what the chat service needs of a request to `/api/chat` or `/api/chat_stream`. The images are on disk. For a
 * JSON body they are still looked up by the texts that refer to them.
 */
export async function toChatRequest (
  request: FastifyRequest, form: ChatForm, expand: ChatService['expand']
): Promise<ChatRequest> {
  const upload = uploadOf(request)
  if (upload.uploadMs === null) {
    await upload.saveSources(sourcesOf('images', form.images), sourcesOf('history_images', form.history_images))
  }
  const { signal, run } = workOf(request)
  const named = new Set((form.history ?? []).flatMap(turn => turn.images ?? []))
  const { files, resent, prepareStart } = await run(() => expand({
    files: upload.images.map(file => ({ file })),
    resent: upload.historyImages,
    named,
    pages: form.pages?.map((list, index, { length }) => ({ field: length === 1 ? 'pages' : `pages[${index}]`, list })),
    frames: form.frames
  }, request.id, signal))
  return withRequest(toQuestion(form, files, resent), { files: [...files, ...resent], prepareStart }, request)
}

function sourcesOf (name: string, uris: string[] = []): ImageSource[] {
  return uris.map((uri, index) => ({ field: `${name}[${index}]`, uri, remote: false }))
}

/** Completes a question with the images and the timings of its request. */
export function withRequest (
  question: ChatQuestion, images: Pick<ChatRequest, 'files' | 'prepareStart'>, request: FastifyRequest
): ChatRequest {
  const { client, id, trace } = request
  const { startedAt, slot } = workOf(request)
  const { uploadMs } = uploadOf(request)
  return {
    ...question,
    ...images,
    scope: client.scope,
    requestId: id,
    startedAt,
    queueMs: slot.waitedMs,
    uploadMs: uploadMs ?? 0,
    ...trace && { traceHeaders: trace.headers }
  }
}

/** Schema and validation of a chat route. */
export function chatSchema (
  { operationId, summary, answer, mediaType = 'application/json' }:
  { operationId: string, summary: string, answer: TSchema, mediaType?: string }
) {
  return {
    schema: {
      operationId,
      summary,
      tags: ['chat'],
      consumes: ['multipart/form-data'],
      body: ChatFormSchema,
      response: {
        200: { description: 'The answer', content: { [mediaType]: { schema: answer } } },
        ...faultDocs([400, 401, 408, 410, 413, 415, 422, 429, 431, 500, 503, 504, 507], ErrorSchema)
      }
    },
    ...validateBy(parseChatForm)
  }
}
