import type { FastifyError, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import {
  EngineNotReadyError, ModelNotFoundError, TimeoutError, withDetails, type SightlineError
} from '../errors/catalogue.ts'
import { noteFailure, sentenceFor, toSightlineError } from '../plugins/errors.ts'
import type { ChatDone } from '../schemas/chat.ts'
import {
  CompletionChunkSchema, CompletionRequestSchema, CompletionSchema, ModelListSchema, ModelSchema, OpenAiErrorSchema,
  type Completion
} from '../schemas/openai.ts'
import type { ChatService } from '../services/chat/answer.ts'
import type { ChatEvent } from '../services/chat/events.ts'
import { ANSWERED } from '../services/metrics.ts'
import {
  createHead, toCallDelta, toChunk, toCompletion, toLastChunk, toUsageChunk, type CompletionHead
} from '../services/openai/answer.ts'
import { toOpenAiError } from '../services/openai/error.ts'
import { readCompletionBody, toCompletionQuestion, type CompletionRequest } from '../services/openai/request.ts'
import {
  createCallReader, PLAIN_READER, type AnswerPart, type AskedCall, type CallReader
} from '../services/openai/tools.ts'
import { withRequest } from './chat-request.ts'
import { documentOnly, faultDocs } from './docs.ts'
import { startSse } from './sse.ts'

export interface OpenAiRouteOptions {
  chat: ChatService
  /** Largest JSON body in bytes. */
  bodyLimit: number
}

type Events = AsyncGenerator<ChatEvent>

/** `POST /v1/chat/completions` and `GET /v1/models`: the same service for clients that speak OpenAI's dialect. */
const route: FastifyPluginAsync<OpenAiRouteOptions> = async (app, { chat, bodyLimit }) => {
  const startedAt = Math.floor(Date.now() / 1000)
  const toErrorBody = (error: SightlineError, request: FastifyRequest) =>
    toOpenAiError(error, sentenceFor(error, request), request.id)
  const modelNow = () => {
    const info = app.model.info()
    if (info.state !== 'ready') throw new EngineNotReadyError(info.reason)
    return info
  }
  const describe = (id: string) =>
    ({ id, object: 'model' as const, created: startedAt, owned_by: 'sightline' as const })
  const assertModel = (asked: string, loaded: string) => {
    if (asked !== loaded) throw withDetails(new ModelNotFoundError(asked.slice(0, 100), loaded), { field: 'model' })
  }

  app.get('/v1/models', {
    config: { toErrorBody },
    schema: {
      operationId: 'listModels',
      summary: 'The loaded model',
      tags: ['openai'],
      response: { 200: ModelListSchema, ...faultDocs([401, 503], OpenAiErrorSchema) }
    }
  }, async () => ({ object: 'list', data: [describe(modelNow().model)] }))

  app.get<{ Params: { model: string } }>('/v1/models/:model', {
    config: { toErrorBody },
    schema: {
      operationId: 'getModel',
      summary: 'The loaded model, by its name',
      tags: ['openai'],
      response: { 200: ModelSchema, ...faultDocs([401, 404, 503], OpenAiErrorSchema) }
    }
  }, async request => {
    const { model } = modelNow()
    assertModel(request.params.model, model)
    return describe(model)
  })

  app.post('/v1/chat/completions', {
    config: { slot: true, upload: { forms: false, read: readCompletionBody }, toErrorBody },
    bodyLimit,
    ...documentOnly,
    schema: {
      operationId: 'createChatCompletion',
      summary: 'Ask about pictures, in OpenAI\'s dialect',
      tags: ['openai'],
      body: { content: { 'application/json': { schema: CompletionRequestSchema } } },
      response: {
        200: {
          description: 'The answer; with `stream: true` chunks as server-sent events, `data: [DONE]` the last',
          content: {
            'application/json': { schema: CompletionSchema }, 'text/event-stream': { schema: CompletionChunkSchema }
          }
        },
        ...faultDocs([400, 401, 404, 408, 410, 413, 415, 422, 429, 500, 503, 504, 507], OpenAiErrorSchema)
      }
    }
  }, async (request, reply) => {
    const completion = request.upload!.fields as CompletionRequest
    const { model, tools: syntax } = modelNow()
    assertModel(completion.fields.model, model)
    const question = withRequest(toCompletionQuestion(completion, syntax), request)
    const events = chat.answer(question, request.work!.signal, request.log)
    const reader =
      syntax && question.tools.length > 0 ? createCallReader(syntax, question.tools, question.singleCall) : PLAIN_READER
    const head = createHead(request.id, model)
    if (!completion.fields.stream) return await whole(request, head, events, reader)
    await stream(request, reply, head, events, reader, completion.fields.stream_options?.include_usage ?? false)
  })

  async function whole (
    request: FastifyRequest, head: CompletionHead, events: Events, reader: CallReader
  ): Promise<Completion> {
    const work = request.work!
    let content = ''
    const calls: AskedCall[] = []
    try {
      const done = await work.run(() => read(events, reader, part => {
        content += part.text
        calls.push(...part.calls)
      }))
      // A client that asks again at once finds its slot free.
      await work.end()
      request.ending = ANSWERED
      return toCompletion(head, content, calls, done)
    } catch (error) {
      throw error instanceof TimeoutError ? withDetails(error, { response: content }) : error
    }
  }

  async function stream (
    request: FastifyRequest, reply: FastifyReply, head: CompletionHead, events: Events, reader: CallReader,
    usage: boolean
  ): Promise<void> {
    const work = request.work!
    // Until the request is accepted every fault is an HTTP status.
    await work.run(() => events.next())
    const sse = startSse(reply, work.signal)
    let calls = 0
    try {
      await sse.data(toChunk(head, { role: 'assistant', content: '' }))
      const done = await work.run(() => read(events, reader, async part => {
        if (part.text !== '') await sse.data(toChunk(head, { content: part.text }))
        for (const call of part.calls) await sse.data(toChunk(head, toCallDelta(call, calls++)))
      }))
      await work.end()
      await sse.data(toLastChunk(head, calls, done))
      if (usage) await sse.data(toUsageChunk(head, done))
      await sse.data('[DONE]')
      request.ending = ANSWERED
    } catch (error) {
      const known = toSightlineError(error as FastifyError, request)
      noteFailure(error as Error, known, request)
      await work.end()
      await sse.data(toErrorBody(known, request))
    } finally {
      sse.end()
    }
  }
}

/** Runs an answer to its end. */
async function read (
  events: Events, reader: CallReader, onPart: (part: AnswerPart) => Promise<void> | void
): Promise<ChatDone> {
  for await (const event of events) {
    if (event.type === 'token') await onPart(reader.push(event.text))
    if (event.type !== 'done') continue
    await onPart(reader.end())
    return event.result
  }
  throw new Error('The answer has no end')
}

export default route
