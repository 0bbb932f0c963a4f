import type { FastifyPluginAsync } from 'fastify'
import { TimeoutError, withDetails } from '../errors/catalogue.ts'
import { workOf } from '../plugins/cleanup.ts'
import { ChatAnswerSchema, type ChatAnswer, type ChatDone } from '../schemas/chat.ts'
import { ANSWERED } from '../services/metrics.ts'
import { chatSchema, toChatRequest, type ChatRouteOptions } from './chat-request.ts'
import type { TypedApp } from './typed-app.ts'

/** `POST /api/chat`: the whole answer in one JSON body. */
const route: FastifyPluginAsync<ChatRouteOptions> = async (app: TypedApp, { chat, bodyLimit }) => {
  app.post('/api/chat', {
    bodyLimit,
    ...chatSchema({ operationId: 'chat', summary: 'Ask about images', answer: ChatAnswerSchema })
  }, async (request): Promise<ChatAnswer> => {
    const work = workOf(request)
    const question = await toChatRequest(request, request.body, chat.expand)
    let response = ''
    let thoughts = ''

    async function collect (): Promise<ChatDone> {
      for await (const event of chat.answer(question, work.signal, request.log)) {
        if (event.type === 'thought') thoughts += event.text
        if (event.type === 'token') response += event.text
        if (event.type === 'done') return event.result
      }
      throw new Error('The answer has no end')
    }

    try {
      const result = await work.run(collect)
      // Free the slot before the answer is sent, so that a client can send its next request at once.
      await work.end()
      request.ending = ANSWERED
      return { ...result, response, thoughts }
    } catch (error) {
      throw error instanceof TimeoutError ? withDetails(error, { response, thoughts }) : error
    }
  })
}

export default route
