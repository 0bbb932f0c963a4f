import { ImageExpiredError, withDetails, type SightlineError } from '../../errors/catalogue.ts'
import type { Receipt } from '../../schemas/image.ts'
import { EventQueue } from '../engine/event-queue.ts'
import type { Engine, EngineEvent, EngineImage, EngineInfo, GenerateRequest } from '../engine/engine.ts'
import { Preparation } from '../images/preparation.ts'
import type { Preparer } from '../images/preparer.ts'
import { createReceipt } from '../images/receipt.ts'
import type { Log } from '../log.ts'
import type { Anticipation } from './anticipation.ts'
import { imageIdOf, type Conversation } from './conversation.ts'
import { mergeEvents, type ChatEvent } from './events.ts'
import type { ChatObserver } from './observer.ts'
import type { ChatPlan } from './plan.ts'
import type { ChatRequest } from './request.ts'
import { createResult } from './result.ts'
import { followStages } from './stages.ts'

/** A request whose plan was accepted. */
export interface AcceptedRequest {
  request: ChatRequest
  /** Maximum number of thought tokens; 0 for no thoughts. */
  thinkingTokens: number
  info: EngineInfo
  conversation: Conversation
  plan: ChatPlan
  /** GBNF; null for free text. */
  grammar: string | null
  log: Log
}

export interface AnswerRunOptions {
  engine: Engine
  preparer: Preparer
  /** Unit of the coordinates that the model writes; `auto` takes the unit of the model's family. */
  boxCoordinates: 'auto' | 'pixels' | 'grid1000'
  observer: ChatObserver
  anticipation: Anticipation
}

interface Prepared { receipts: Receipt[], prepareMs: number }

const READER_LEFT = new Error('The reader of the answer left')

/**
 * Prepares the images of one request and generates its answer, in parallel: the engine encodes the first image while
 * the second one is being prepared. When either fails, the other one is stopped.
 */
export class AnswerRun {
  /** Ends with the answer, or fails with its error. */
  readonly events = new EventQueue<ChatEvent>(mergeEvents)
  readonly #accepted: AcceptedRequest
  readonly #options: AnswerRunOptions
  readonly #stop = new AbortController()
  readonly #signal: AbortSignal
  readonly #preparation: Preparation
  #text = ''
  #lastTokenAt: number | null = null

  /** @param signal fires when the request is aborted */
  constructor (accepted: AcceptedRequest, options: AnswerRunOptions, signal: AbortSignal) {
    const { request, plan } = accepted
    this.#accepted = accepted
    this.#options = options
    this.#signal = AbortSignal.any([signal, this.#stop.signal])
    const anticipated = request.files.map(options.anticipation.of)
    this.#preparation = new Preparation(options.preparer, plan.images, anticipated, this.#stop, signal)
  }

  /** @returns settles when preparation and engine have settled; never rejects */
  async start (): Promise<void> {
    const prepared = this.#prepare()
    const generated = this.#generate(prepared)
    try {
      await Promise.all([prepared, generated])
      this.events.end()
    } catch (error) {
      await this.#preparation.end()
      this.events.fail(await this.#failureFrom(error))
    } finally {
      await Promise.allSettled([prepared, generated, this.#preparation.end()])
    }
  }

  /** Stops preparation and engine when nothing reads the events any longer. Has no effect after the end. */
  stop (): void {
    this.#stop.abort(READER_LEFT)
  }

  /** Returns the error for the client: that of the first image that failed, or else `error`. */
  async #failureFrom (error: unknown): Promise<unknown> {
    const failure =
      await this.#preparation.firstFailure() ?? (error instanceof ImageExpiredError ? withImageIds(error) : error)
    const image = (failure as SightlineError).details?.image as number | undefined
    if (image === undefined) return failure
    return withDetails(failure as SightlineError, { field: this.#accepted.plan.images[image]!.file.field })
  }

  async #prepare (): Promise<Prepared> {
    const { request: { requestId, prepareStart } } = this.#accepted
    let receipts: Receipt[] | null = null
    try {
      receipts = await this.#prepareImages()
      return { receipts, prepareMs: performance.now() - prepareStart }
    } finally {
      this.#options.observer.onStage?.(requestId, 'prepare', prepareStart, performance.now(), receipts === null)
    }
  }

  /** Prepares the images that the engine has not cached, and pushes a receipt for each image of the request. */
  async #prepareImages (): Promise<Receipt[]> {
    const { plan: { images }, log } = this.#accepted
    const missing = images.flatMap(({ cached, firstCopy }, index) => cached || firstCopy !== index ? [] : [index])
    if (missing.length > 0) log.info({ images: missing.length }, 'image preparation started')
    for (const { file, cached } of images) if (cached) this.#options.anticipation.of(file)?.cancel()
    // Start all preparations at once. The loop below awaits each of them and throws its error.
    for (const index of missing) this.#preparation.image(index).catch(() => {})

    const receipts: Receipt[] = []
    for (const image of images) {
      if (!image.cached) await this.#preparation.image(image.firstCopy)
      const receipt = createReceipt(image)
      receipts.push(receipt)
      this.events.push({ type: 'image', receipt })
    }
    if (missing.length > 0) {
      const compressed = missing.filter(index => receipts[index]!.compressed).length
      log.info({ compressed }, 'image preparation finished')
    }
    return receipts
  }

  async #generate (prepared: Promise<Prepared>): Promise<void> {
    const { engine, observer } = this.#options
    const { request, info } = this.#accepted
    const images = this.#engineImages()
    const engineStart = performance.now()
    const generated = engine.generate(this.#engineRequest(images), this.#signal)
    // An upstream does not report encoding apart from the rest of the prompt.
    const first = images.length > 0 && info.device !== 'upstream' ? 'encode' : 'prefill'
    const events = observer.onStage
      ? followStages(generated, first, observer.onStage.bind(null, request.requestId))
      : generated
    for await (const event of events) {
      if (event.type === 'done') {
        this.#finish(event, images, await prepared, engineStart)
        continue
      }
      if (event.type === 'thought') this.#noteGap()
      if (event.type === 'token') this.#addToken(event.text)
      this.events.push(event)
    }
  }

  #engineImages (): EngineImage[] {
    const { conversation, plan } = this.#accepted
    return conversation.images.map(({ key, file }, index): EngineImage => {
      if (file === null) return plan.earlier[index]!
      const { header, size, firstCopy } = plan.images[file]!
      return {
        id: key,
        original: { width: header.width, height: header.height },
        width: size.width,
        height: size.height,
        file: async () => (await this.#preparation.image(firstCopy)).path
      }
    })
  }

  #engineRequest (images: EngineImage[]): GenerateRequest {
    const { request, thinkingTokens, conversation: { turns }, grammar } = this.#accepted
    const { scope, tools, maxTokens, stop, constraint, singleCall, sampling, traceHeaders } = request
    const format = constraint?.type === 'format' ? constraint.format : undefined
    const callOneOf = constraint?.type === 'call' ? constraint.tools.map(({ name }) => name) : undefined
    return {
      scope,
      turns,
      tools,
      images,
      maxTokens,
      thinkingTokens,
      thinkingField: request.thinking?.field,
      stop,
      grammar,
      format,
      callOneOf,
      singleCall,
      sampling,
      traceHeaders
    }
  }

  #addToken (text: string): void {
    this.#noteGap()
    this.#text += text
  }

  /** Reports the time since the last token, of the thoughts or of the answer. */
  #noteGap (): void {
    const now = performance.now()
    if (this.#lastTokenAt !== null) this.#options.observer.onGap(now - this.#lastTokenAt)
    this.#lastTokenAt = now
  }

  #finish (
    ending: Extract<EngineEvent, { type: 'done' }>, engineImages: EngineImage[], prepared: Prepared, engineStart: number
  ): void {
    const { request, info, conversation: { images } } = this.#accepted
    const { boxCoordinates, observer } = this.#options
    const sizes = engineImages.map(({ original, width, height }) => ({ original, sent: { width, height } }))
    const coordinates = boxCoordinates === 'auto' ? info.vision?.coordinates ?? 'pixels' : boxCoordinates
    const text = this.#text
    const result = createResult({ request, info, text, ending, images, sizes, ...prepared, engineStart, coordinates })
    observer.onAnswer(result)
    this.events.push({ type: 'done', result })
  }
}

/** Replaces the engine's keys of images by the ids that the client knows. */
function withImageIds (error: SightlineError): SightlineError {
  const ids = (error.details.ids as string[]).map(imageIdOf)
  return withDetails(new ImageExpiredError(ids.join(', ')), { ids })
}
