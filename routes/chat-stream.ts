import type { FastifyError, FastifyPluginAsync } from 'fastify'
import { noteFailure, toErrorBody, toSightlineError } from '../plugins/errors.ts'
import { ChatEventSchema, type ChatDone } from '../schemas/chat.ts'
import type { ChatService } from '../services/chat/answer.ts'
import type { ChatEvent } from '../services/chat/events.ts'
import { readChatBody } from '../services/uploads/body.ts'
import { chatDocs, toChatRequest } from './chat-request.ts'
import { ANSWERED } from '../services/metrics.ts'
import { startSse, type SseWriter } from './sse.ts'

export interface ChatStreamRouteOptions {
  chat: ChatService
  /** Largest JSON body in bytes. */
  bodyLimit: number
}

/** `POST /api/chat_stream`: the answer as server-sent events while it comes into being. */
const route: FastifyPluginAsync<ChatStreamRouteOptions> = async (app, { chat, bodyLimit }) => {
  app.post('/api/chat_stream', {
    config: { slot: true, upload: { forms: true, read: readChatBody } },
    bodyLimit,
    ...chatDocs({
      operationId: 'chatStream',
      summary: 'Ask about pictures, streamed',
      answer: ChatEventSchema,
      mediaType: 'text/event-stream'
    })
  }, async (request, reply) => {
    const work = request.work!
    const events = chat.answer(toChatRequest(request), work.signal, request.log)
    // Until the request is accepted every fault is an HTTP status.
    const accepted = await work.run(() => events.next())
    const sse = startSse(reply, work.signal)
    try {
      const result = await work.run(() => forward(accepted.value as ChatEvent, events, sse))
      // A client that asks again at once finds its slot free.
      await work.end()
      await sse.send('done', result)
      request.ending = ANSWERED
    } catch (error) {
      const known = toSightlineError(error as FastifyError, request)
      noteFailure(error as Error, known, request)
      await work.end()
      await sse.send('error', toErrorBody(known, request))
    } finally {
      sse.end()
    }
  })
}

/** Writes every event but the last, which is returned: it goes out when nothing of the request is left. */
async function forward (first: ChatEvent, rest: AsyncGenerator<ChatEvent>, sse: SseWriter): Promise<ChatDone> {
  let result: ChatDone | null = null
  await sse.send(first.type, { images: (first as Extract<ChatEvent, { type: 'accepted' }>).images })
  for await (const event of rest) {
    switch (event.type) {
      case 'image':
        await sse.send('image', event.receipt)
        break
      case 'progress':
        await sse.send('progress', { stage: event.stage, done: event.done, total: event.total })
        break
      case 'token':
        await sse.send('token', { text: event.text })
        break
      case 'done':
        result = event.result
    }
  }
  return result!
}

export default route
