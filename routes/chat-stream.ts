import type { FastifyError, FastifyPluginAsync } from 'fastify'
import { workOf } from '../plugins/cleanup.ts'
import { noteFailure, toErrorBody, toSightlineError } from '../plugins/errors.ts'
import { ChatEventSchema, type ChatDone } from '../schemas/chat.ts'
import type { ChatEvent } from '../services/chat/events.ts'
import { ANSWERED } from '../services/metrics.ts'
import { chatSchema, toChatRequest, type ChatRouteOptions } from './chat-request.ts'
import { startSse, type SseWriter } from './sse.ts'
import type { TypedApp } from './typed-app.ts'

/** `POST /api/chat_stream`: the answer as server-sent events while it is generated. */
const route: FastifyPluginAsync<ChatRouteOptions> = async (app: TypedApp, { chat, bodyLimit }) => {
  app.post('/api/chat_stream', {
    bodyLimit,
    ...chatSchema({
      operationId: 'chatStream',
      summary: 'Ask about images, streamed',
      answer: ChatEventSchema,
      mediaType: 'text/event-stream'
    })
  }, async (request, reply) => {
    const work = workOf(request)
    const events = chat.answer(await toChatRequest(request, request.body, chat.expand), work.signal, request.log)
    // A fault before the request is accepted becomes an HTTP status.
    const accepted = await work.run(() => events.next())
    const sse = startSse(reply, work.signal)
    try {
      const result = await work.run(() => forward(accepted, events, sse))
      // Free the slot before the last event, so that a client can send its next request at once.
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

/**
 * Writes the events of an answer except the last.
 * @returns the result of the last event, which is to be sent after the request's files are removed
 */
async function forward (
  first: IteratorResult<ChatEvent>, rest: AsyncGenerator<ChatEvent>, sse: SseWriter
): Promise<ChatDone> {
  for (let { done, value: event } = first; !done; { done, value: event } = await rest.next()) {
    switch (event.type) {
      case 'accepted':
        await sse.send('accepted', { images: event.images })
        break
      case 'image':
        await sse.send('image', event.receipt)
        break
      case 'progress':
        await sse.send('progress', { stage: event.stage, done: event.done, total: event.total })
        break
      case 'thought':
        await sse.send('thought', { text: event.text })
        break
      case 'token':
        await sse.send('token', { text: event.text })
        break
      case 'done':
        return event.result
    }
  }
  throw new Error('The answer has no end')
}

export default route
