import { fork, type ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { EngineCrashedError, EngineError, EngineNotReadyError, ImageExpiredError, PromptTooLongError, ShuttingDownError, withDetails } from '../../errors.ts'
import { createDeferred } from '../deferred.ts'
import type { Log } from '../log.ts'
import { createDownloadReporter } from './download-progress.ts'
import type { Engine, EngineEvent, EngineInfo, GenerateRequest, Inspection, Tool, Turn } from './engine.ts'
import { EventQueue } from './event-queue.ts'
import type { FromWorker, FromWorkerBatch, ModelInfo, ToWorker, WireError, WorkerOptions, WorkerStats } from './worker/protocol.ts'

export interface LocalEngineOptions extends WorkerOptions {
  log: Log
}

/** First pause before a crashed child is started again; it doubles with each crash in a row. */
const BACKOFF_MIN_MS = 500
const BACKOFF_MAX_MS = 30_000
/** A child that ran this long was healthy: the next crash starts the pauses anew. */
const HEALTHY_MS = 60_000
/** How long the child may take to free its memory when the service stops. */
const CLOSE_TIMEOUT_MS = 5_000
/** Silence after which a loaded child counts as hanging, and how often that is looked at. */
const SILENCE_MAX_MS = 30_000
const WATCH_INTERVAL_MS = 5_000
const LOADING = 'the model is being loaded'

const WORKER = fileURLToPath(new URL(`./worker/main${import.meta.url.slice(import.meta.url.lastIndexOf('.'))}`, import.meta.url))

/** From the sources the child needs what runs TypeScript; the other loaders that a test's process has would only make its start slow. */
const EXEC_ARGV = WORKER.endsWith('.ts') ? ['--import', import.meta.resolve('tsx')] : process.execArgv

const NO_MODEL: ModelInfo = { model: '', architecture: '', demo: false, device: '', contextSize: 0, slots: 0, vision: null, tools: null, temperature: 0 }
const NO_STATS: WorkerStats = { caches: { images: 0, imageBytes: 0, imageBytesLimit: 0 }, memory: 0 }

/** What waits for an answer of the child; one kind is answered once, the other by a row of events. */
interface Pending {
  onMessage (message: Extract<FromWorker, { id: number }>): void
  fail (error: unknown): void
}

/**
 * The engine that runs the model on this machine, in a child process: an assertion inside native code ends the child and not
 * the service. A crash fails the requests in flight with `ENGINE_CRASHED`; the child is started again after a pause.
 */
export function createLocalEngine ({ log, ...options }: LocalEngineOptions): Engine {
  let state: EngineInfo['state'] = 'starting'
  let reason = LOADING
  let child: ChildProcess | null = null
  let model = NO_MODEL
  let stats = NO_STATS
  let restarts = 0
  let crashesInARow = 0
  let startedAt = 0
  let heardAt = 0
  let nextId = 0
  /** Why the current child could not load its model; empty while it did or is still trying. */
  let loadError = ''
  let restartTimer: NodeJS.Timeout | undefined
  const pending = new Map<number, Pending>()
  const firstLoad = createDeferred<void>()
  firstLoad.promise.catch(() => {})

  function start (): void {
    startedAt = Date.now()
    loadError = ''
    const started = fork(WORKER, {
      execArgv: EXEC_ARGV,
      serialization: 'advanced',
      stdio: ['ignore', 'pipe', 'pipe', 'ipc']
    })
    child = started
    forwardLines(started.stdout!, line => log.info({ engine: started.pid }, line))
    forwardLines(started.stderr!, line => log.warn({ engine: started.pid }, line))
    started.on('message', (messages: FromWorkerBatch) => { for (const message of messages) onMessage(message) })
    started.once('exit', (code, signal) => onExit(started, code, signal))
    started.once('error', error => log.error({ err: error }, 'the engine process could not be started'))
    send({ type: 'load', options })
  }

  // A child that is loaded sends its figures every two seconds, whatever it computes: one that is silent hangs.
  const watchdog = setInterval(() => {
    if (state !== 'ready' || Date.now() - heardAt < SILENCE_MAX_MS) return
    log.error({ engine: child?.pid, silentMs: Date.now() - heardAt }, 'the engine process does not answer, killing it')
    child?.kill('SIGKILL')
  }, WATCH_INTERVAL_MS)
  watchdog.unref()

  function send (message: ToWorker): void {
    // A failed send means a dead child, and 'exit' tells of that.
    child?.send(message, () => {})
  }

  function onMessage (message: FromWorker): void {
    heardAt = Date.now()
    switch (message.type) {
      case 'loaded':
        model = message.info
        state = 'ready'
        reason = ''
        log.info({ ...model, engine: child?.pid, ms: Date.now() - startedAt }, 'model loaded')
        firstLoad.resolve()
        return
      case 'load-failed':
        loadError = message.message
        log.error({ reason: loadError }, 'the model could not be loaded')
        firstLoad.reject(new Error(message.message))
        child?.kill('SIGKILL')
        return
      case 'download':
        reason = message.done === message.total ? LOADING : `downloading ${message.file}, ${Math.floor(100 * message.done / Math.max(message.total, 1))} %`
        reportDownload(message)
        return
      case 'stats':
        stats = message.stats
        return
      case 'log':
        log[message.level]({ engine: child?.pid }, message.message)
        return
      default:
        pending.get(message.id)?.onMessage(message)
    }
  }

  const reportDownload = createDownloadReporter(log)

  function onExit (exited: ChildProcess, code: number | null, signal: string | null): void {
    if (exited !== child) return
    child = null
    stats = NO_STATS
    for (const waiter of pending.values()) waiter.fail(new EngineCrashedError())
    pending.clear()
    if (state === 'closed') return

    crashesInARow = Date.now() - startedAt > HEALTHY_MS ? 1 : crashesInARow + 1
    const pauseMs = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** (crashesInARow - 1))
    state = loadError ? 'failed' : 'restarting'
    reason = loadError || 'the model process died and is being restarted'
    firstLoad.reject(new Error(`The model process ended while it was loading (${signal ?? code})`))
    log.error({ code, signal, pauseMs }, 'engine process ended, restarting')
    restarts++
    restartTimer = setTimeout(start, pauseMs)
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
    send({ type: 'inspect', id, turns, tools, ids })
    try {
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
    const settle = () => {
      settled = true
      pending.delete(id)
      letGo.resolve()
    }
    pending.set(id, {
      onMessage: message => {
        if (message.type === 'event') {
          events.push(message.event)
          if (message.event.type !== 'done') return
          events.end()
        }
        if (message.type === 'need-file') return sendFile(message.image)
        if (message.type === 'failed') {
          events.fail(message.error.code === 'ABORTED' ? fileError ?? signal.reason : toError(message.error))
        }
        settle()
      },
      fail: error => {
        settle()
        events.fail(signal.aborted ? signal.reason : error)
      }
    })
    const abort = () => send({ type: 'abort', id })
    const sendFile = (image: number) => {
      request.images[image]!.file!().then(path => send({ type: 'file', id, image, path }), error => {
        fileError = error
        abort()
      })
    }
    signal.addEventListener('abort', abort, { once: true })
    send({ type: 'generate', id, request: { ...request, images: request.images.map(({ file, ...image }) => ({ ...image, hasFile: file !== undefined })) } })
    try {
      yield * events
    } finally {
      signal.removeEventListener('abort', abort)
      if (!settled) {
        // The reader stopped early: the files and the slot are free only when the child has let go.
        abort()
        await letGo.promise
      }
    }
  }

  async function close (): Promise<void> {
    if (state === 'closed') return
    state = 'closed'
    reason = 'the service is shutting down'
    clearTimeout(restartTimer)
    clearInterval(watchdog)
    firstLoad.reject(new ShuttingDownError())
    const closing = child
    if (!closing) return
    const exited = new Promise(resolve => closing.once('exit', resolve))
    send({ type: 'close' })
    const timer = setTimeout(() => closing.kill('SIGKILL'), CLOSE_TIMEOUT_MS)
    await exited
    clearTimeout(timer)
  }

  start()
  return {
    ready: () => firstLoad.promise,
    info: () => ({ state, reason, ...model, restarts, pid: child?.pid ?? null, ...stats }),
    inspect,
    generate,
    close
  }
}

function toError ({ code, args, details }: WireError): Error {
  const error = code === 'IMAGE_EXPIRED'
    ? new ImageExpiredError(args[0] as string)
    : code === 'PROMPT_TOO_LONG'
      ? new PromptTooLongError(args[0] as number, args[1] as number)
      : new EngineError()
  return details ? withDetails(error, details) : error
}

function forwardLines (stream: Readable, onLine: (line: string) => void): void {
  createInterface({ input: stream }).on('line', line => { if (line.trim() !== '') onLine(line) })
}
