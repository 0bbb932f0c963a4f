import {
  EngineCrashedError, EngineError, EngineNotReadyError, ImageExpiredError, PromptRefusedError, PromptTooLongError,
  ShuttingDownError, withDetails, type SightlineError
} from '../../errors/catalogue.ts'
import { verbatim, type Phrase } from '../../errors/language.ts'
import { NOT_READY } from '../../errors/phrases.ts'
import { createDeferred } from '../deferred.ts'
import type { Log } from '../log.ts'
import { createDownloadReporter } from './download-progress.ts'
import { encodeInChild, type Pending } from './early-encoding.ts'
import type {
  Engine, EngineEvent, EngineImage, EngineInfo, GenerateRequest, Inspection, Tool, ToolSyntax, Turn
} from './engine.ts'
import { EventQueue } from './event-queue.ts'
import { createSupervisor, type WorkerProgram } from './supervisor.ts'
import type { FromWorker, ModelInfo, WireError, WorkerOptions, WorkerStats } from './worker/protocol.ts'

export interface LocalEngineOptions extends WorkerOptions {
  log: Log
  /** Milliseconds without a message after which the child is replaced. */
  silenceMs?: number
  /** Milliseconds that the child may continue to compute for an aborted request before it is replaced. */
  releaseMs?: number
  /** The program of the child; by default `worker/main.ts`. */
  worker?: WorkerProgram
}

const SILENCE_MS = 30_000
/** On a slow CPU, a large model can take minutes for one slice of a prompt. */
const RELEASE_MS = 300_000

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
  thinking: 'never',
  temperature: 0
}
const NO_STATS: WorkerStats =
  { caches: { images: 0, imageBytes: 0, imageBytesLimit: 0 }, memory: 0, vram: { used: 0, total: 0 } }

/**
 * Creates an engine that runs the model on this machine, in a child process. A failed assertion in native code ends
 * the child, not the service. A crash fails the running requests with `ENGINE_CRASHED`, and the child is restarted
 * after a pause.
 */
export function createLocalEngine (
  { log, silenceMs = SILENCE_MS, releaseMs = RELEASE_MS, worker, ...options }: LocalEngineOptions
): Engine {
  const auto = options.slots === 'auto'
  let state: EngineInfo['state'] = 'starting'
  let reason: Phrase = NOT_READY.loading
  let model = NO_MODEL
  let stats = NO_STATS
  let startedAt = 0
  let nextId = 0
  /** Why the current child failed to load its model; empty unless it failed. */
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
        // The engine may have been closed while this message was in the channel.
        if (state === 'closed') return
        model = auto && message.info.plan ? { ...message.info, plan: { ...message.info.plan, auto } } : message.info
        // The HTTP side keeps this number of slots. After a restart the free memory can differ, but the number must
        // not.
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
        log.error({ reason: loadError }, 'model loading failed')
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
        log[message.level]({ engine: supervisor.pid, ...message.details }, message.message)
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
    firstLoad.reject(new Error(`The engine process ended before its model was loaded (${why})`))
  }

  function assertReady (): void {
    if (state === 'closed') throw new ShuttingDownError()
    if (state !== 'ready') throw new EngineNotReadyError(reason)
  }

  async function inspect (turns: Turn[], tools: Tool[], ids: string[], thinks = false): Promise<Inspection> {
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
      // `send` throws if a value cannot be cloned.
      supervisor.send({ type: 'inspect', id, turns, tools, ids, thinks })
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
    const ended = createDeferred<void>()
    let settled = false
    /** The error of a file that the child requested. */
    let fileError: unknown
    let releaseTimer: NodeJS.Timeout | undefined
    const settle = () => {
      settled = true
      ended.resolve()
    }
    /**
     * Ends the supervision of the request. After an abort, the child reports the end at once but may compute longer.
     */
    const release = () => {
      clearTimeout(releaseTimer)
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
      releaseTimer ??= setTimeout(() => {
        log.error(
          { engine: supervisor.pid, releaseMs },
          'engine process does not release an aborted request, killing it'
        )
        supervisor.kill()
      }, releaseMs)
    }
    const sendFile = (image: number) => {
      request.images[image]!.file!().then(path => supervisor.send({ type: 'file', id, image, path }), error => {
        fileError = error
        abort()
      })
    }
    const images = request.images.map(({ file, ...image }) => ({ ...image, hasFile: file !== undefined }))
    // The closing tags end a single call. The call can be parsed without them, and a stop string removes them.
    const stop = request.singleCall && model.tools ? [...request.stop, endOfCall(model.tools)] : request.stop
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
        // The reader stopped early. The child reports the end of the request at once.
        abort()
        await ended.promise
      }
    }
  }

  async function encodeEarly (image: EngineImage, signal: AbortSignal): Promise<void> {
    if (state === 'ready') await encodeInChild(image, { id: nextId++, pending, send: supervisor.send }, signal)
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
    encodeEarly,
    generate,
    close
  }
}

/** Removes the plan from the log line, because the worker already logged it. */
function withoutPlan ({ plan, ...rest }: ModelInfo): Omit<ModelInfo, 'plan'> {
  return rest
}

/** In XML, the text of a parameter may contain the closing tag by itself. */
function endOfCall ({ form, close }: ToolSyntax): string {
  return form === 'xml' ? `</function>\n${close}` : close
}

function toError ({ code, args, details }: WireError): Error {
  const error = createError(code, args)
  return details ? withDetails(error, details) : error
}

function createError (code: WireError['code'], args: WireError['args']): SightlineError {
  switch (code) {
    case 'IMAGE_EXPIRED': return new ImageExpiredError(args[0] as string)
    case 'PROMPT_REFUSED': return new PromptRefusedError(args[0] as string)
    case 'PROMPT_TOO_LONG': return new PromptTooLongError(args[0] as number, args[1] as number)
    default: return new EngineError()
  }
}
