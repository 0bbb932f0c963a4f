import type { FastifyPluginAsync } from 'fastify'
import { TimeoutError, withDetails } from '../errors/catalogue.ts'
import { ChatAnswerSchema, type ChatAnswer, type ChatDone } from '../schemas/chat.ts'
import type { ChatService } from '../services/chat/answer.ts'
import { ANSWERED } from '../services/metrics.ts'
import { readChatBody } from '../services/uploads/body.ts'
import { chatDocs, toChatRequest } from './chat-request.ts'

export interface ChatRouteOptions {
  chat: ChatService
  /** Largest JSON body in bytes. */
  bodyLimit: number
}

/** `POST /api/chat`: the whole answer as one JSON body. */
const route: FastifyPluginAsync<ChatRouteOptions> = async (app, { chat, bodyLimit }) => {
  app.post('/api/chat', {
    config: { slot: true, upload: { forms: true, read: readChatBody } },
    bodyLimit,
    ...chatDocs({ operationId: 'chat', summary: 'Ask about pictures', answer: ChatAnswerSchema })
  }, async (request): Promise<ChatAnswer> => {
    const work = request.work!
    let response = ''
    let result: ChatDone | null = null

    async function collect (): Promise<void> {
      for await (const event of chat.answer(toChatRequest(request), work.signal, request.log)) {
        if (event.type === 'token') response += event.text
        if (event.type === 'done') result = event.result
      }
    }

    try {
      await work.run(collect)
    } catch (error) {
      throw error instanceof TimeoutError ? withDetails(error, { response }) : error
    }
    // A client that asks again at once finds its slot free.
    await work.end()
    request.ending = ANSWERED
    return { ...result!, response }
  })
}

export default route
