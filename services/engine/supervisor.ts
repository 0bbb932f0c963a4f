import { fork, type ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { Log } from '../log.ts'
import type { FromWorker, FromWorkerBatch, ToWorker } from './worker/protocol.ts'

/** A file of JavaScript, or of TypeScript and what runs it. */
export interface WorkerProgram { file: string, execArgv: string[] }

export interface SupervisorOptions {
  log: Log
  /** Milliseconds without a sign of life after which a child counts as hanging. */
  silenceMs: number
  /** What the child runs; by default the worker beside this file. */
  worker?: WorkerProgram
  /** The first message to each child. */
  greeting: ToWorker
  onStart (): void
  onMessage (message: FromWorker): void
  /** @param why for the log: how it ended */
  onEnd (why: string): void
}

/** The engine's child process, which is started, watched, and started again when it has ended. */
export interface Supervisor {
  /** Null while there is none. */
  readonly pid: number | null
  /** How often it was started again. */
  readonly restarts: number
  /** Sends to the child that is there; one that is dying or dead tells by `onEnd`. */
  send (message: ToWorker): void
  /** Ends the child at once; another one follows. */
  kill (): void
  /** Lets the child end by itself if it does so in time. No other follows. */
  close (): Promise<void>
}

/** First pause before a crashed child is started again; it doubles with each crash in a row. */
const BACKOFF_MIN_MS = 500
const BACKOFF_MAX_MS = 30_000
/** A child that ran this long was healthy: the next crash starts the pauses anew. */
const HEALTHY_MS = 60_000
/** How long the child may take to free its memory when the service stops. */
const CLOSE_TIMEOUT_MS = 5_000
/** How many times within the allowed silence the child is looked at. */
const LOOKS = 6

const WORKER: WorkerProgram = ((file: string) => ({
  file,
  // From the sources the child needs what runs TypeScript; the other loaders that a test's process has would only make its start slow.
  execArgv: file.endsWith('.ts') ? ['--import', import.meta.resolve('tsx')] : process.execArgv
}))(fileURLToPath(new URL(`./worker/main${import.meta.url.slice(import.meta.url.lastIndexOf('.'))}`, import.meta.url)))

export function createSupervisor (
  { log, silenceMs, worker = WORKER, greeting, onStart, onMessage, onEnd }: SupervisorOptions
): Supervisor {
  let child: ChildProcess | null = null
  let restarts = 0
  let crashesInARow = 0
  let startedAt = 0
  /** Looks in a row that found nothing new; null before the first sign of life. */
  let silentLooks: number | null = null
  let killed = false
  let closed = false
  let restartTimer: NodeJS.Timeout | undefined

  function start (): void {
    startedAt = performance.now()
    silentLooks = null
    killed = false
    try {
      child = begin()
    } catch (error) {
      ended(`it could not be started: ${(error as Error).message}`)
      return
    }
    onStart()
    send(greeting)
  }

  function begin (): ChildProcess {
    const started = fork(worker.file, {
      execArgv: worker.execArgv, serialization: 'advanced', stdio: ['ignore', 'pipe', 'pipe', 'ipc']
    })
    const end = (why: string) => { if (started === child) ended(why) }
    started.on('error', error => {
      log.error({ err: error }, 'the engine process has trouble')
      // One that never ran does not exit either.
      if (started.pid === undefined) end(`it could not be started: ${error.message}`)
    })
    if (started.pid === undefined) return started
    forwardLines(started.stdout!, line => log.info({ engine: started.pid }, line))
    forwardLines(started.stderr!, line => log.warn({ engine: started.pid }, line))
    started.on('message', (messages: FromWorkerBatch) => {
      if (started !== child) return
      silentLooks = 0
      for (const message of messages) onMessage(message)
    })
    started.once('exit', (code, signal) => end(describe(code, signal)))
    return started
  }

  function describe (code: number | null, signal: string | null): string {
    if (signal === 'SIGKILL' && !killed) {
      return 'SIGKILL from outside, as the kernel does where memory is short: a smaller CONTEXT_SIZE, MAX_CONCURRENT_REQUESTS or model may help'
    }
    return signal ?? `exit code ${code}`
  }

  function ended (why: string): void {
    child = null
    onEnd(why)
    if (closed) return
    crashesInARow = performance.now() - startedAt > HEALTHY_MS ? 1 : crashesInARow + 1
    const pauseMs = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** (crashesInARow - 1))
    log.error({ why, pauseMs }, 'engine process ended, restarting')
    restarts++
    restartTimer = setTimeout(start, pauseMs)
  }

  // Looks are counted, not the time: where this process stood still too (a laptop asleep, a container paused), the child is not to blame.
  const watchdog = setInterval(() => {
    if (silentLooks === null || child === null || silentLooks++ < LOOKS) return
    log.error({ engine: child.pid, silenceMs }, 'the engine process gives no sign of life, killing it')
    kill()
  }, silenceMs / LOOKS)
  watchdog.unref()

  function kill (): void {
    killed = true
    child?.kill('SIGKILL')
  }

  function send (message: ToWorker): void {
    if (child?.connected) child.send(message, () => {})
  }

  async function close (): Promise<void> {
    closed = true
    clearTimeout(restartTimer)
    clearInterval(watchdog)
    const closing = child
    if (closing?.pid === undefined) return
    const exited = new Promise(resolve => closing.once('exit', resolve))
    send({ type: 'close' })
    const timer = setTimeout(kill, CLOSE_TIMEOUT_MS)
    await exited
    clearTimeout(timer)
  }

  start()
  return {
    get pid () { return child?.pid ?? null },
    get restarts () { return restarts },
    send,
    kill,
    close
  }
}

function forwardLines (stream: Readable, onLine: (line: string) => void): void {
  createInterface({ input: stream }).on('line', line => { if (line.trim() !== '') onLine(line) })
}
