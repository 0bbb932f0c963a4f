import type { FastifyError, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import { TimeoutError, withDetails } from '../errors/catalogue.ts'
import { workOf } from '../plugins/cleanup.ts'
import { noteFailure, toErrorBody, toSightlineError } from '../plugins/errors.ts'
import { uploadOf } from '../plugins/uploads.ts'
import type { ChatDone } from '../schemas/chat.ts'
import {
  CompletionChunkSchema, CompletionSchema, OpenAiErrorSchema, type Completion
} from '../schemas/openai-answer.ts'
import { CompletionRequestSchema, type CompletionRequest } from '../schemas/openai-request.ts'
import type { ChatEvent } from '../services/chat/events.ts'
import { expandTurns } from '../services/chat/expansion.ts'
import type { ChatQuestion, ChatRequest } from '../services/chat/request.ts'
import { ANSWERED } from '../services/metrics.ts'
import {
  createHead, toCallDelta, toChunk, toCompletion, toLastChunk, toUsageChunk, type AnswerTexts,
  type CompletionHead
} from '../services/openai/answer.ts'
import { unknownFields } from '../services/openai/dialects.ts'
import type { WantedSource } from '../services/openai/messages.ts'
import { parseCompletionRequest, toCompletionQuestion } from '../services/openai/request.ts'
import { createCallReader, PLAIN_READER, type AnswerPart, type CallReader } from '../services/openai/tools.ts'
import { withRequest, type ChatRouteOptions } from './chat-request.ts'
import { faultDocs } from './error-docs.ts'
import { assertModel, loadedModel } from './openai.ts'
import { startSse } from './sse.ts'
import type { TypedApp } from './typed-app.ts'
import { validateBy } from './validation.ts'

/** A running answer for an OpenAI client. */
interface RunningAnswer {
  events: AsyncGenerator<ChatEvent>
  reader: CallReader
  head: CompletionHead
  /** A stop string may end the answer within a call. */
  hasStops: boolean
  /** Unknown fields of the request. */
  ignored: string[]
}

/** `POST /v1/chat/completions`: answers for clients of the OpenAI API, whole or streamed. */
const route: FastifyPluginAsync<ChatRouteOptions> = async (app: TypedApp, { chat, bodyLimit }) => {
  app.post('/v1/chat/completions', {
    bodyLimit,
    schema: {
      operationId: 'createChatCompletion',
      summary: 'Ask about images, OpenAI-compatible',
      tags: ['openai'],
      body: CompletionRequestSchema,
      response: {
        200: {
          description: 'The answer. With `stream: true`: chunks as server-sent events, ending with `data: [DONE]`',
          content: {
            'application/json': { schema: CompletionSchema }, 'text/event-stream': { schema: CompletionChunkSchema }
          }
        },
        ...faultDocs([400, 401, 404, 408, 410, 413, 415, 422, 429, 500, 503, 504, 507], OpenAiErrorSchema)
      }
    },
    ...validateBy(parseCompletionRequest)
  }, async (request, reply) => {
    const { model, stream = false, stream_options: options } = request.body
    const info = loadedModel(app.model)
    assertModel(model, info.model)
    const { question, images } = toCompletionQuestion(request.body, info.tools)
    const ignored = unknownFields(request.body)
    const expanded = await expandImages(request, question, images)
    const { tools, singleCall } = question
    const answer = {
      events: chat.answer(expanded, workOf(request).signal, request.log),
      reader: info.tools && tools.length > 0 ? createCallReader(info.tools, tools, singleCall) : PLAIN_READER,
      head: createHead(request.id, info.model),
      hasStops: question.stop.length > 0,
      ignored
    }
    if (!stream) return await sendWhole(request, answer)
    await sendChunks(request, reply, answer, options?.include_usage ?? false)
  })

  /** Replaces the files of a question by the images that they contain. */
  async function expandImages (
    request: FastifyRequest<{ Body: CompletionRequest }>, question: ChatQuestion, sources: WantedSource[]
  ): Promise<ChatRequest> {
    const upload = uploadOf(request)
    await upload.saveSources(sources)
    const { pages: list, frames } = request.body
    const pages = list === undefined ? undefined : [{ field: 'pages', list }]
    const wanted = upload.images.map((file, index) => ({ file, pages: sources[index]!.pages }))
    const { signal, run } = workOf(request)
    const { files, groups, prepareStart } =
      await run(() => chat.expand({ files: wanted, pages, frames }, request.id, signal))
    return withRequest({ ...question, turns: expandTurns(question.turns, groups) }, { files, prepareStart }, request)
  }
}

async function sendWhole (request: FastifyRequest, answer: RunningAnswer): Promise<Completion> {
  const { head, ignored } = answer
  const work = workOf(request)
  const texts: AnswerTexts = { thoughts: '', content: '', calls: [] }
  try {
    const done = await work.run(() => read(answer, part => {
      texts.thoughts += part.thoughts
      texts.content += part.text
      texts.calls.push(...part.calls)
    }))
    // Free the slot before the end of the answer, so that a client can send its next request at once.
    await work.end()
    request.ending = ANSWERED
    return toCompletion(head, texts, done, ignored)
  } catch (error) {
    const { content: response, thoughts } = texts
    throw error instanceof TimeoutError ? withDetails(error, { response, thoughts }) : error
  }
}

async function sendChunks (
  request: FastifyRequest, reply: FastifyReply, answer: RunningAnswer, includeUsage: boolean
): Promise<void> {
  const { events, head, ignored } = answer
  const work = workOf(request)
  // A fault before the request is accepted becomes an HTTP status.
  await work.run(() => events.next())
  const sse = startSse(reply, work.signal)
  let calls = 0
  try {
    await sse.data(toChunk(head, { role: 'assistant', content: '' }))
    const done = await work.run(() => read(answer, async part => {
      if (part.thoughts !== '') await sse.data(toChunk(head, { reasoning_content: part.thoughts }))
      if (part.text !== '') await sse.data(toChunk(head, { content: part.text }))
      for (const call of part.calls) await sse.data(toChunk(head, toCallDelta(call, calls++)))
    }))
    await work.end()
    await sse.data(toLastChunk(head, calls, done, ignored))
    if (includeUsage) await sse.data(toUsageChunk(head, done))
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

/** A part of an answer: thoughts, or text and complete tool calls. */
type Piece = AnswerPart & { thoughts: string }

/** Reads an answer to its end. */
async function read (
  { events, reader, hasStops }: RunningAnswer, onPart: (part: Piece) => Promise<void> | void
): Promise<ChatDone> {
  for await (const event of events) {
    if (event.type === 'thought') await onPart({ thoughts: event.text, text: '', calls: [] })
    if (event.type === 'token') await onPart({ thoughts: '', ...reader.push(event.text) })
    if (event.type !== 'done') continue
    await onPart({ thoughts: '', ...reader.end(hasStops || event.result.finish_reason === 'length') })
    return event.result
  }
  throw new Error('The answer has no end')
}

export default route
