import { fork, type ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { Log } from '../log.ts'
import type { FromWorker, FromWorkerBatch, ToWorker } from './worker/protocol.ts'

/** A program for the child: its file, and the arguments of Node, for example a TypeScript loader. */
export interface WorkerProgram { file: string, execArgv: string[] }

export interface SupervisorOptions {
  log: Log
  /** Milliseconds without a message after which the child counts as hanging. */
  silenceMs: number
  /** The program of the child; by default `worker/main.ts`. */
  worker?: WorkerProgram
  /** The first message to each new child. */
  greeting: ToWorker
  onStart (): void
  onMessage (message: FromWorker): void
  /** @param why the reason of the end, for the log */
  onEnd (why: string): void
}

/** Starts the engine's child process, monitors it, and restarts it when it ends. */
export interface Supervisor {
  /** Null while no child runs. */
  readonly pid: number | null
  /** Number of restarts. */
  readonly restarts: number
  /** Sends a message to the current child. If the child has ended, the message is lost and `onEnd` reports the end. */
  send (message: ToWorker): void
  /** Kills the child. A new one is started. */
  kill (): void
  /** Ends the child, with a timeout for its own cleanup. No new one is started. */
  close (): Promise<void>
}

/** First pause before a crashed child is restarted. It doubles with each further crash. */
const BACKOFF_MIN_MS = 500
const BACKOFF_MAX_MS = 30_000
/** After this uptime a child counts as healthy, and the next crash starts with the first pause again. */
const HEALTHY_MS = 60_000
/** Time for the child to free its memory when the service stops. */
const CLOSE_TIMEOUT_MS = 5_000
/** Number of checks within `silenceMs`. */
const CHECKS = 6

const WORKER: WorkerProgram = ((file: string) => ({
  file,
  // A child from sources needs only the TypeScript loader. Other loaders, for example of a test, would slow down its
  // start.
  execArgv: file.endsWith('.ts') ? ['--import', import.meta.resolve('tsx')] : process.execArgv
}))(fileURLToPath(new URL(`./worker/main${import.meta.url.slice(import.meta.url.lastIndexOf('.'))}`, import.meta.url)))

/** Starts the first child immediately. */
export function createSupervisor (
  { log, silenceMs, worker = WORKER, greeting, onStart, onMessage, onEnd }: SupervisorOptions
): Supervisor {
  let child: ChildProcess | null = null
  let restarts = 0
  let crashesInARow = 0
  let startedAt = 0
  /** Number of checks since the last message; null before the first message. */
  let silentChecks: number | null = null
  let killed = false
  let closed = false
  let restartTimer: NodeJS.Timeout | undefined

  function start (): void {
    startedAt = performance.now()
    silentChecks = null
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
      log.error({ err: error }, 'engine process error')
      // A process that never started emits no 'exit' event.
      if (started.pid === undefined) end(`it could not be started: ${error.message}`)
    })
    if (started.pid === undefined) return started
    forwardLines(started.stdout!, line => log.info({ engine: started.pid }, line))
    forwardLines(started.stderr!, line => log.warn({ engine: started.pid }, line))
    started.on('message', (messages: FromWorkerBatch) => {
      if (started !== child) return
      silentChecks = 0
      for (const message of messages) onMessage(message)
    })
    started.once('exit', (code, signal) => end(describe(code, signal)))
    return started
  }

  function describe (code: number | null, signal: string | null): string {
    if (signal === 'SIGKILL' && !killed) {
      return 'SIGKILL from outside, probably because of too little memory: ' +
        'lower CONTEXT_SIZE or MAX_CONCURRENT_REQUESTS, or use a smaller model'
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

  // The watchdog counts checks instead of time: if this process was suspended too (a sleeping laptop, a paused
  // container), the child is not at fault.
  const watchdog = setInterval(() => {
    if (silentChecks === null || child === null || silentChecks++ < CHECKS) return
    log.error({ engine: child.pid, silenceMs }, 'engine process silent, killing it')
    kill()
  }, silenceMs / CHECKS)
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
