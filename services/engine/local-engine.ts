import {
  EngineCrashedError, EngineError, EngineNotReadyError, ImageExpiredError, PromptTooLongError, ShuttingDownError,
  withDetails
} from '../../errors/catalogue.ts'
import { verbatim, type Phrase } from '../../errors/language.ts'
import { NOT_READY } from '../../errors/phrases.ts'
import { createDeferred } from '../deferred.ts'
import type { Log } from '../log.ts'
import { createDownloadReporter } from './download-progress.ts'
import type { Engine, EngineEvent, EngineInfo, GenerateRequest, Inspection, Tool, Turn } from './engine.ts'
import { EventQueue } from './event-queue.ts'
import { createSupervisor, type WorkerProgram } from './supervisor.ts'
import type { FromWorker, ModelInfo, WireError, WorkerOptions, WorkerStats } from './worker/protocol.ts'

export interface LocalEngineOptions extends WorkerOptions {
  log: Log
  /** Milliseconds without a sign of life after which the child is replaced. */
  silenceMs?: number
  /** Milliseconds that the child may go on computing for a request that was aborted, until it is replaced. */
  letGoMs?: number
  /** What the child runs; by default the worker beside this file. */
  worker?: WorkerProgram
}

const SILENCE_MS = 30_000
/** On a slow processor a large model takes minutes for the slice of a prompt that it has begun. */
const LET_GO_MS = 300_000

const NO_MODEL: ModelInfo = {
  model: '',
  architecture: '',
  demo: false,
  device: '',
  contextSize: 0,
  slots: 0,
  plan: null,
  vision: null,
  tools: null,
  temperature: 0
}
const NO_STATS: WorkerStats =
  { caches: { images: 0, imageBytes: 0, imageBytesLimit: 0 }, memory: 0, vram: { used: 0, total: 0 } }

/** What waits for an answer of the child; one kind is answered once, the other by a row of events. */
interface Pending {
  onMessage (message: Extract<FromWorker, { id: number }>): void
  fail (error: unknown): void
}

/**
 * The engine that runs the model on this machine, in a child process: an assertion inside native code ends the child and not
 * the service. A crash fails the requests in flight with `ENGINE_CRASHED`; the child is started again after a pause.
 */
export function createLocalEngine (
  { log, silenceMs = SILENCE_MS, letGoMs = LET_GO_MS, worker, ...options }: LocalEngineOptions
): Engine {
  const auto = options.slots === 'auto'
  let state: EngineInfo['state'] = 'starting'
  let reason: Phrase = NOT_READY.loading
  let model = NO_MODEL
  let stats = NO_STATS
  let startedAt = 0
  let nextId = 0
  /** Why the current child could not load its model; empty while it did or is still trying. */
  let loadError = ''
  const pending = new Map<number, Pending>()
  const firstLoad = createDeferred<void>()
  firstLoad.promise.catch(() => {})

  function onStart (): void {
    startedAt = performance.now()
    loadError = ''
  }

  function onMessage (message: FromWorker): void {
    switch (message.type) {
      case 'loaded':
        // The message may have been on its way when the engine was closed.
        if (state === 'closed') return
        model = auto && message.info.plan ? { ...message.info, plan: { ...message.info.plan, auto } } : message.info
        // The HTTP side has as many from now on: after a restart the memory may be another, the slots are not.
        options.slots = model.slots
        state = 'ready'
        reason = verbatim('')
        log.info(
          { ...withoutPlan(model), engine: supervisor.pid, ms: Math.round(performance.now() - startedAt) },
          'model loaded'
        )
        firstLoad.resolve()
        return
      case 'load-failed':
        loadError = message.message
        log.error({ reason: loadError }, 'the model could not be loaded')
        firstLoad.reject(new Error(message.message))
        supervisor.kill()
        return
      case 'download':
        reason = message.done === message.total
          ? NOT_READY.loading
          : NOT_READY.downloading(message.file, Math.floor(100 * message.done / Math.max(message.total, 1)))
        reportDownload(message)
        return
      case 'alive':
        return
      case 'stats':
        stats = message.stats
        return
      case 'log':
        log[message.level]({ engine: supervisor.pid }, message.message)
        return
      default:
        pending.get(message.id)?.onMessage(message)
    }
  }

  const reportDownload = createDownloadReporter(log)

  function onEnd (why: string): void {
    stats = NO_STATS
    for (const waiter of pending.values()) waiter.fail(new EngineCrashedError())
    pending.clear()
    if (state === 'closed') return
    state = loadError ? 'failed' : 'restarting'
    reason = loadError ? verbatim(loadError) : NOT_READY.restarting
    firstLoad.reject(new Error(`The model process ended while it was loading (${why})`))
  }

  function assertReady (): void {
    if (state === 'closed') throw new ShuttingDownError()
    if (state !== 'ready') throw new EngineNotReadyError(reason)
  }

  async function inspect (turns: Turn[], tools: Tool[], ids: string[]): Promise<Inspection> {
    assertReady()
    const id = nextId++
    const answer = createDeferred<Inspection>()
    pending.set(id, {
      onMessage: message => {
        if (message.type === 'inspected') answer.resolve(message.inspection)
        if (message.type === 'failed') answer.reject(toError(message.error))
      },
      fail: answer.reject
    })
    try {
      // It throws where something cannot be cloned.
      supervisor.send({ type: 'inspect', id, turns, tools, ids })
      return await answer.promise
    } finally {
      pending.delete(id)
    }
  }

  async function * generate (request: GenerateRequest, signal: AbortSignal): AsyncGenerator<EngineEvent> {
    assertReady()
    signal.throwIfAborted()
    const id = nextId++
    const events = new EventQueue<EngineEvent>()
    const letGo = createDeferred<void>()
    let settled = false
    /** What went wrong with a file that the child asked for. */
    let fileError: unknown
    let letGoTimer: NodeJS.Timeout | undefined
    const settle = () => {
      settled = true
      letGo.resolve()
    }
    /** After an abort this may be later: until then the child is watched. */
    const release = () => {
      clearTimeout(letGoTimer)
      pending.delete(id)
    }
    pending.set(id, {
      onMessage: message => {
        if (message.type === 'event') {
          events.push(message.event)
          if (message.event.type !== 'done') return
          events.end()
        }
        if (message.type === 'need-file') return sendFile(message.image)
        if (message.type === 'released') return release()
        if (message.type === 'failed') {
          events.fail(message.error.code === 'ABORTED' ? fileError ?? signal.reason : toError(message.error))
        }
        settle()
      },
      fail: error => {
        settle()
        release()
        events.fail(signal.aborted ? signal.reason : error)
      }
    })
    const abort = () => {
      if (settled) return
      supervisor.send({ type: 'abort', id })
      letGoTimer ??= setTimeout(() => {
        log.error(
          { engine: supervisor.pid, letGoMs },
          'the engine process does not let go of a request that has ended, killing it'
        )
        supervisor.kill()
      }, letGoMs)
    }
    const sendFile = (image: number) => {
      request.images[image]!.file!().then(path => supervisor.send({ type: 'file', id, image, path }), error => {
        fileError = error
        abort()
      })
    }
    const images = request.images.map(({ file, ...image }) => ({ ...image, hasFile: file !== undefined }))
    // The closing tag ends a call wherever it stands, and a call can be read without it.
    const stop = request.singleCall && model.tools ? [...request.stop, model.tools.close] : request.stop
    try {
      supervisor.send({
        type: 'generate',
        id,
        request: {
          ...request,
          images,
          stop,
          format: undefined,
          callOneOf: undefined,
          singleCall: undefined,
          traceHeaders: undefined
        }
      })
    } catch (error) {
      release()
      throw error
    }
    signal.addEventListener('abort', abort, { once: true })
    try {
      yield * events
    } finally {
      signal.removeEventListener('abort', abort)
      if (!settled) {
        // The reader stopped early: the request is over when the child says so, which it does at once.
        abort()
        await letGo.promise
      }
    }
  }

  async function close (): Promise<void> {
    if (state === 'closed') return
    state = 'closed'
    reason = NOT_READY.shuttingDown
    firstLoad.reject(new ShuttingDownError())
    await supervisor.close()
  }

  const supervisor = createSupervisor({
    log, silenceMs, ...worker && { worker }, greeting: { type: 'load', options }, onStart, onMessage, onEnd
  })
  return {
    ready: () => firstLoad.promise,
    info: () => ({ state, reason, ...model, restarts: supervisor.restarts, pid: supervisor.pid, ...stats }),
    inspect,
    generate,
    close
  }
}

/** It has had lines of its own. */
function withoutPlan ({ plan, ...rest }: ModelInfo): Omit<ModelInfo, 'plan'> {
  return rest
}

function toError ({ code, args, details }: WireError): Error {
  const error = code === 'IMAGE_EXPIRED'
    ? new ImageExpiredError(args[0] as string)
    : code === 'PROMPT_TOO_LONG'
      ? new PromptTooLongError(args[0] as number, args[1] as number)
      : new EngineError()
  return details ? withDetails(error, details) : error
}
