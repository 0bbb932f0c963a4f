import { EngineNotReadyError, ImageExpiredError, NoVisionError, PromptTooLongError, withDetails, type SightlineError } from '../../errors.ts'
import type { ChatDone } from '../../schemas/chat.ts'
import type { Engine, EngineEvent, EngineImage, EngineInfo, KnownImage } from '../engine/engine.ts'
import { inspectImage, type ImageHeader } from '../images/inspect.ts'
import type { PlanBounds, PlannedSize } from '../images/plan.ts'
import type { PreparedImage } from '../images/prepare.ts'
import type { Preparer } from '../images/preparer.ts'
import { createReceipt, type Receipt } from '../images/receipt.ts'
import type { Log } from '../log.ts'
import { planBudget } from './budget.ts'
import { createConversation, idOf, type Conversation, type Picture } from './conversation.ts'
import type { ChatRequest, UploadedFile } from './request.ts'
import { createResult } from './result.ts'

/** What happens in the course of an answer, in this order. An error before `accepted` means that nothing was begun. */
export type ChatEvent =
  | { type: 'accepted', images: number }
  | { type: 'image', receipt: Receipt }
  | { type: 'progress', stage: 'encode' | 'prefill', done: number, total: number }
  | { type: 'token', text: string }
  | { type: 'done', result: ChatDone }

export interface ChatServiceOptions {
  engine: Engine
  preparer: Preparer
  limits: { maxInputPixels: number, maxSide: number, maxPixels: number }
  /** What the numbers mean with which the model points; auto: what its family does. */
  boxCoordinates: 'auto' | 'pixels' | 'grid1000'
}

export interface ChatService {
  /**
   * Answers a question about pictures. The iterable settles only when nothing works on the request's files any more.
   * @throws errors of `errors.ts`; the reason of `signal`
   */
  answer (request: ChatRequest, signal: AbortSignal, log: Log): AsyncGenerator<ChatEvent>
}

/** No text has fewer tokens than one for so many characters; long runs of blanks come nearest. */
const MAX_CHARACTERS_PER_TOKEN = 32
/** For a model that cannot see; no picture reaches the plan then. */
const BLIND = { multiple: 28, minTokens: 1, maxTokens: 1 }

/** One of the request's files and what is to become of it. */
interface Planned {
  file: UploadedFile
  header: ImageHeader
  size: PlannedSize
  /** The engine has this picture's embedding in just this size. */
  cached: boolean
}

export function createChatService ({ engine, preparer, limits, boxCoordinates }: ChatServiceOptions): ChatService {
  /** Reads every header and sizes every picture; whatever is wrong with the request comes to light here. */
  async function plan (request: ChatRequest, info: EngineInfo, { turns, pictures }: Conversation): Promise<{ planned: Planned[], known: Map<string, KnownImage> }> {
    if (pictures.length > 0 && info.vision === null) throw new NoVisionError()
    const headers = await readHeaders(request.files, limits)
    refuseHopelessText(request, info.contextSize)
    const { textTokens, known: found } = await engine.inspect(turns, request.tools, [...new Set(pictures.map(picture => picture.key))])
    const known = new Map(found.map(image => [image.id, image]))

    const earlier = pictures.filter(picture => picture.file === null)
    const expired = [...new Set(earlier.filter(({ key }) => !known.has(key)).map(({ id }) => id))]
    if (expired.length > 0) throw withDetails(new ImageExpiredError(expired.join(', ')), { ids: expired })

    const uploads = pictures.filter(isUpload)
    const bounds: PlanBounds = { ...info.vision ?? BLIND, ...limits }
    const sizes = planBudget({
      contextSize: info.contextSize,
      textTokens,
      historyTokens: earlier.reduce((sum, { key }) => sum + known.get(key)!.tokens, 0),
      maxTokens: request.maxTokens,
      uploads: uploads.map(({ file, maxSide }) => ({ ...headers[file]!, maxSide })),
      bounds
    })
    const planned = request.files.map((file, index) => {
      // A file that stands at two places has one size: it depends on nothing but the picture and the common factor.
      const place = uploads.findIndex(upload => upload.file === index)
      const size = sizes[place]!
      const before = known.get(uploads[place]!.key)
      return { file, header: headers[index]!, size, cached: before?.width === size.width && before.height === size.height }
    })
    return { planned, known }
  }

  async function prepare (planned: Planned[], signal: AbortSignal, log: Log): Promise<PreparedImage[]> {
    if (planned.length === 0) return []
    log.info({ images: planned.length }, 'image preparation started')
    const prepared = await preparer.prepareAll(planned.map(({ file, header, size }) => ({ file, header, target: size })), signal).catch(error => {
      const image = error.details?.image
      throw image === undefined ? error : withDetails(error, { field: planned[image]!.file.field })
    })
    log.info({ compressed: prepared.filter(image => image.compressed).length }, 'image preparation finished')
    return prepared
  }

  async function * generate (request: ChatRequest, turns: Conversation['turns'], images: EngineImage[], signal: AbortSignal): AsyncGenerator<EngineEvent> {
    const { scope, tools, maxTokens, stop, grammar, sampling } = request
    try {
      yield * engine.generate({ scope, turns, tools, images, maxTokens, stop, grammar, sampling }, signal)
    } catch (error) {
      throw error instanceof ImageExpiredError ? forClient(error) : error
    }
  }

  async function * answer (request: ChatRequest, signal: AbortSignal, log: Log): AsyncGenerator<ChatEvent> {
    const info = engine.info()
    if (info.state !== 'ready') throw new EngineNotReadyError(info.reason)
    const prepareStart = performance.now()
    const conversation = createConversation(request)
    const { planned, known } = await plan(request, info, conversation)
    signal.throwIfAborted()
    yield { type: 'accepted', images: planned.length }

    const prepared = await prepare(planned, signal, log)
    const receipts = planned.map(({ file, header, size, cached }, index) =>
      createReceipt({ id: file.id, bytes: file.bytes, header, planned: size, compressed: prepared[index]!.compressed, cached }))
    for (const receipt of receipts) yield { type: 'image', receipt }
    const prepareMs = performance.now() - prepareStart

    const { turns, pictures } = conversation
    const images = pictures.map(({ key, file }): EngineImage => {
      if (file === null) return known.get(key)!
      const { path, width, height } = prepared[file]!
      return { id: key, original: receipts[file]!.original, width, height, path }
    })
    const engineStart = performance.now()
    let text = ''
    for await (const event of generate(request, turns, images, signal)) {
      if (event.type === 'token') text += event.text
      if (event.type !== 'done') {
        yield event
        continue
      }
      const sizes = images.map(({ original, width, height }) => ({ original, sent: { width, height } }))
      const coordinates = boxCoordinates === 'auto' ? info.vision?.coordinates ?? 'pixels' : boxCoordinates
      yield { type: 'done', result: createResult({ request, info, text, ending: event, pictures, sizes, receipts, prepareMs, engineStart, coordinates }) }
    }
  }

  return { answer }
}

function isUpload (picture: Picture): picture is Picture & { file: number } {
  return picture.file !== null
}

async function readHeaders (files: UploadedFile[], limits: { maxInputPixels: number }): Promise<ImageHeader[]> {
  const headers = await Promise.allSettled(files.map(file => inspectImage(file, limits)))
  return headers.map((outcome, image) => {
    if (outcome.status === 'fulfilled') return outcome.value
    throw withDetails(outcome.reason, { image, field: files[image]!.field })
  })
}

/** Counting tokens of megabytes that can never fit would hold up everybody's answers. */
function refuseHopelessText ({ turns, tools }: ChatRequest, contextSize: number): void {
  const parts = turns.flatMap(turn => [...turn.parts, ...(turn.calls ?? []).flatMap(call => call.result)])
  const said = parts.reduce((sum, part) => sum + (part.type === 'text' ? part.text.length : 0), 0)
  const tokens = Math.ceil((said + JSON.stringify(tools).length) / MAX_CHARACTERS_PER_TOKEN)
  if (tokens > contextSize) throw new PromptTooLongError(tokens, contextSize)
}

/** The engine names pictures by their keys. */
function forClient (error: SightlineError): SightlineError {
  const ids = (error.details.ids as string[]).map(idOf)
  return withDetails(new ImageExpiredError(ids.join(', ')), { ids })
}
