import { EngineNotReadyError, ImageExpiredError, withDetails, type SightlineError } from '../../errors/catalogue.ts'
import { untilAborted } from '../abort.ts'
import { EventQueue } from '../engine/event-queue.ts'
import type { Engine, EngineImage, EngineInfo } from '../engine/engine.ts'
import { Preparation } from '../images/preparation.ts'
import type { Preparer } from '../images/preparer.ts'
import { createReceipt, type Receipt } from '../images/receipt.ts'
import type { Log } from '../log.ts'
import { createAnticipation } from './anticipation.ts'
import { createConversation, idOf, type Conversation } from './conversation.ts'
import { mergeEvents, type ChatEvent } from './events.ts'
import type { Grammars } from './grammars.ts'
import type { ChatObserver } from './observer.ts'
import { planRequest, type ChatPlan, type PlanLimits } from './plan.ts'
import type { ChatRequest, UploadedFile } from './request.ts'
import { createResult } from './result.ts'
import { followStages } from './stages.ts'

export interface ChatServiceOptions {
  engine: Engine
  preparer: Preparer
  grammars: Grammars
  limits: PlanLimits
  /** What the numbers mean with which the model points; auto: what its family does. */
  boxCoordinates: 'auto' | 'pixels' | 'grid1000'
  observer: ChatObserver
}

export interface ChatService {
  /**
   * Begins to prepare an image while the rest of its request is still arriving; `answer` takes up what came of it.
   * @param scope whose request it is
   * @returns settles when the image is prepared, or at once when `signal` fires; never rejects
   */
  anticipate (file: UploadedFile, scope: string, signal: AbortSignal): Promise<void>
  /**
   * Answers a question about images. After an abort it settles at once. Work that cannot be interrupted (an image
   * that sharp decodes, a node of the model's graph) goes on within bounds of its own, and needs none of the
   * request's files.
   * @throws errors of `errors/catalogue.ts`; the reason of `signal`
   */
  answer (request: ChatRequest, signal: AbortSignal, log: Log): AsyncGenerator<ChatEvent>
}

const READER_LEFT = new Error('The reader of the answer left')

export function createChatService (
  { engine, preparer, grammars, limits, boxCoordinates, observer }: ChatServiceOptions
): ChatService {
  const anticipation = createAnticipation({ engine, preparer, limits })

  async function * answer (request: ChatRequest, signal: AbortSignal, log: Log): AsyncGenerator<ChatEvent> {
    const info = engine.info()
    if (info.state !== 'ready') throw new EngineNotReadyError(info.reason)
    const prepareStart = performance.now()
    const conversation = createConversation(request)
    const planned = planAnswer(request, info, conversation, signal)
    const { plan, grammar } = await untilAborted(planned, signal).catch(error => {
      observer.onStage?.(request.requestId, 'prepare', prepareStart, performance.now(), true)
      throw error
    })
    signal.throwIfAborted()
    yield { type: 'accepted', images: plan.planned.length }

    const events = new EventQueue(mergeEvents)
    const stop = new AbortController()
    const over = run({ request, info, conversation, plan, grammar, prepareStart, log }, signal, stop, events)
    try {
      yield * events
    } finally {
      stop.abort(READER_LEFT)
      await over
    }
  }

  interface Run {
    request: ChatRequest
    info: EngineInfo
    conversation: Conversation
    plan: ChatPlan
    grammar: string | null
    prepareStart: number
    log: Log
  }

  /** The plan comes first: a prompt that is too long is refused before anything is converted for it. */
  async function planAnswer (
    request: ChatRequest, info: EngineInfo, conversation: Conversation, signal: AbortSignal
  ): Promise<{ plan: ChatPlan, grammar: string | null }> {
    const plan = await planRequest(request, conversation, engine, limits, file => anticipation.inspect(file, signal))
    const { constraint } = request
    return { plan, grammar: constraint && await grammars.of(constraint, info.tools, signal) }
  }

  /**
   * Prepares images and answers side by side: the engine sees the first one while the second is being prepared.
   * @param stop ends both when either fails
   * @param events gets what happens, and the end of it
   * @returns settles when preparation and engine have; never rejects
   */
  async function run (
    run: Run, outer: AbortSignal, stop: AbortController, events: EventQueue<ChatEvent>
  ): Promise<void> {
    const { request, plan: { planned } } = run
    const signal = AbortSignal.any([outer, stop.signal])
    const preparation = new Preparation(preparer, planned, request.files.map(anticipation.of), stop, outer)
    const prepared = prepare(run, preparation, events)
    const generated = generate(run, preparation, prepared, signal, events)
    try {
      await Promise.all([prepared, generated])
      events.end()
    } catch (error) {
      await preparation.end()
      const failure =
        await preparation.firstFailure() ?? (error instanceof ImageExpiredError ? forClient(error) : error)
      const image = (failure as SightlineError).details?.image as number | undefined
      events.fail(
        image === undefined ? failure : withDetails(failure as SightlineError, { field: planned[image]!.file.field })
      )
    } finally {
      await Promise.allSettled([prepared, generated, preparation.end()])
    }
  }

  async function prepare (
    run: Run, preparation: Preparation, events: EventQueue<ChatEvent>
  ): Promise<{ receipts: Receipt[], prepareMs: number }> {
    const { request: { requestId }, prepareStart } = run
    let receipts: Receipt[] | null = null
    try {
      receipts = await prepareAll(run, preparation, events)
      return { receipts, prepareMs: performance.now() - prepareStart }
    } finally {
      observer.onStage?.(requestId, 'prepare', prepareStart, performance.now(), receipts === null)
    }
  }

  /** Prepares the images that the engine does not know and tells of each that is ready. */
  async function prepareAll (
    { plan: { planned }, log }: Run, preparation: Preparation, events: EventQueue<ChatEvent>
  ): Promise<Receipt[]> {
    const wanted = planned.flatMap(({ cached, firstCopy }, index) => cached || firstCopy !== index ? [] : [index])
    if (wanted.length > 0) log.info({ images: wanted.length }, 'image preparation started')
    for (const { file, cached } of planned) if (cached) anticipation.of(file)?.cancel()
    // All at once; their errors are met below.
    for (const index of wanted) preparation.image(index).catch(() => {})

    const receipts: Receipt[] = []
    for (const image of planned) {
      if (!image.cached) await preparation.image(image.firstCopy)
      const receipt = createReceipt(image)
      receipts.push(receipt)
      events.push({ type: 'image', receipt })
    }
    if (wanted.length > 0) {
      log.info({ compressed: wanted.filter(index => receipts[index]!.compressed).length }, 'image preparation finished')
    }
    return receipts
  }

  async function generate (
    { request, info, conversation, plan, grammar }: Run, preparation: Preparation,
    prepared: Promise<{ receipts: Receipt[], prepareMs: number }>, signal: AbortSignal, events: EventQueue<ChatEvent>
  ): Promise<void> {
    const { turns, images: placed } = conversation
    const images = placed.map(({ key, file }): EngineImage => {
      if (file === null) return plan.known.get(key)!
      const { header, size } = plan.planned[file]!
      return {
        id: key,
        original: { width: header.width, height: header.height },
        width: size.width,
        height: size.height,
        file: async () => (await preparation.image(file)).path
      }
    })
    const engineStart = performance.now()
    let text = ''
    let tokenAt: number | null = null
    const { scope, tools, maxTokens, stop, constraint, singleCall, sampling, traceHeaders } = request
    const format = constraint?.type === 'format' ? constraint.format : undefined
    const callOneOf = constraint?.type === 'call' ? constraint.tools.map(({ name }) => name) : undefined
    const answered = engine.generate(
      { scope, turns, tools, images, maxTokens, stop, grammar, format, callOneOf, singleCall, sampling, traceHeaders },
      signal
    )
    // What is done with images elsewhere nobody here can tell from the rest of the prompt.
    const first = images.length > 0 && info.device !== 'upstream' ? 'encode' : 'prefill'
    for await (const event of observer.onStage
      ? followStages(answered, first, observer.onStage.bind(null, request.requestId))
      : answered) {
      if (event.type === 'token') {
        const now = performance.now()
        if (tokenAt !== null) observer.onGap(now - tokenAt)
        tokenAt = now
        text += event.text
      }
      if (event.type !== 'done') {
        events.push(event)
        continue
      }
      const sizes = images.map(({ original, width, height }) => ({ original, sent: { width, height } }))
      const coordinates = boxCoordinates === 'auto' ? info.vision?.coordinates ?? 'pixels' : boxCoordinates
      const result = createResult({
        request, info, text, ending: event, images: placed, sizes, ...await prepared, engineStart, coordinates
      })
      observer.onAnswer(result)
      events.push({ type: 'done', result })
    }
  }

  return { anticipate: anticipation.begin, answer }
}

/** The engine names images by their keys. */
function forClient (error: SightlineError): SightlineError {
  const ids = (error.details.ids as string[]).map(idOf)
  return withDetails(new ImageExpiredError(ids.join(', ')), { ids })
}
