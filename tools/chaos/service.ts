import { fork, type ChildProcess } from 'node:child_process'
import { on, once } from 'node:events'
import { createInterface } from 'node:readline'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ROOT } from '../../config/root.ts'
import { freePort } from '../bench/lib/processes.ts'
import { childrenOf } from './lib/proc.ts'

export const SERVER = path.join(ROOT, 'dist/server.js')
/** The module that reports from inside the service. */
export const PROBE = path.join(ROOT, 'tools/chaos/lib/probe.mjs')
const START_TIMEOUT_MS = 60_000
const PROBE_TIMEOUT_MS = 10_000
const READY_TIMEOUT_MS = 2_000
const POLL_MS = 50

/** Measures inside the service, after a garbage collection. */
export interface Inside {
  /** Bytes of JavaScript objects. */
  heap: number
  /** Bytes of buffers outside the heap. */
  external: number
  /** Number of sockets, timers and system requests that keep the event loop alive. */
  handles: number
  /** Number of event listeners on the process and on all handles. */
  listeners: number
}

/** A time in which the service's event loop did not run. */
export interface Stall {
  /** End of the stall, on the clock of `Date.now()`. */
  at: number
  /** Delay of a timer. */
  wallMs: number
  /** Time that the main thread ran on a CPU. */
  cpuMs: number
  /** Time that the main thread waited for a CPU, which other threads and processes used. */
  waitMs: number
  /** Time that the main thread waited for a lock, another thread or a disk. */
  blockedMs: number
  /** Longest time that another thread of the service waited for a CPU during the stall or up to 100 ms before it. */
  othersWaitMs: number
}

/** A line of the service's log. */
export interface LogLine {
  level: number
  /** On the clock of `Date.now()`. */
  time: number
  msg: string
  reqId?: string
  engine?: number
  [field: string]: unknown
}

export interface ServiceOptions {
  uploadDir: string
  /** Working directory. It is empty, so that no `.env` is read. */
  cwd: string
  env: Record<string, string>
  onLine (line: LogLine): void
  /** Called with output that is not a log line. */
  onStray (text: string): void
  /** Called for stalls between the first answer and a signal to end. */
  onStall (stall: Stall): void
  /** Called when the service ends without a signal from here. */
  onUnexpectedExit (how: string): void
}

export interface Service {
  readonly port: number
  /** Null while the service is not running. */
  readonly pid: number | null
  /** Starts the service and waits until it is ready. */
  start (): Promise<void>
  /** Sends a signal and waits for the end of the process. */
  end (signal: 'SIGTERM' | 'SIGKILL'): Promise<{ code: number | null, signal: string | null }>
  /** Id of the engine process, or null if there is none. */
  enginePid (): number | null
  /** @throws Error when the service does not answer */
  inside (): Promise<Inside>
  isReady (): Promise<boolean>
}

/** The built service on a free port, which it keeps when it is started again. */
export async function createService (options: ServiceOptions): Promise<Service> {
  const { uploadDir, cwd, env, onLine, onStray, onStall, onUnexpectedExit } = options
  const port = await freePort()
  let child: ChildProcess | null = null
  let isEnding = false
  /** Time from the first answer to the signal that ends the service. */
  let serving = { from: Infinity, to: Infinity }
  // The service must not survive this process.
  process.once('exit', () => child?.kill('SIGKILL'))

  function launch (): ChildProcess {
    const { PATH = '', HOME = '' } = process.env
    const started = fork(SERVER, {
      execArgv: ['--import', PROBE],
      cwd,
      env: { PATH, HOME, HOST: '127.0.0.1', PORT: String(port), UPLOAD_DIR: uploadDir, ...env },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc']
    })
    createInterface({ input: started.stdout! }).on('line', line =>
      line.startsWith('{') ? onLine(JSON.parse(line)) : onStray(line))
    createInterface({ input: started.stderr! }).on('line', onStray)
    started.on('message', ({ stall }: { stall?: Stall }) => {
      if (!stall || started !== child) return
      if (stall.at - stall.wallMs >= serving.from && stall.at <= serving.to) onStall(stall)
    })
    isEnding = false
    serving = { from: Infinity, to: Infinity }
    started.once('exit', (code, signal) => {
      if (child !== started) return
      child = null
      if (!isEnding) onUnexpectedExit(String(signal ?? code))
    })
    return started
  }

  async function isReady (): Promise<boolean> {
    try {
      const { status } = await fetch(`http://127.0.0.1:${port}/health/ready`, {
        headers: { connection: 'close' },
        signal: AbortSignal.timeout(READY_TIMEOUT_MS)
      })
      serving.from = Math.min(serving.from, Date.now())
      return status === 200
    } catch {
      // The service is not listening.
      return false
    }
  }

  return {
    port,
    get pid () { return child?.pid ?? null },

    async start () {
      child = launch()
      const deadline = Date.now() + START_TIMEOUT_MS
      while (!await isReady()) {
        if (child === null) throw new Error('The service ended during its start')
        if (Date.now() > deadline) throw new Error(`The service was not ready after ${START_TIMEOUT_MS} ms`)
        await sleep(POLL_MS)
      }
    },

    async end (signal) {
      const ending = child
      if (!ending) throw new Error('The service is not running')
      isEnding = true
      serving.to = Date.now()
      const gone = once(ending, 'exit') as Promise<[number | null, string | null]>
      ending.kill(signal)
      const [code, by] = await gone
      return { code, signal: by }
    },

    // The engine is the only child.
    enginePid: () => child?.pid === undefined ? null : childrenOf(child.pid).at(-1) ?? null,

    async inside () {
      const asked = child
      if (!asked) throw new Error('The service is not running')
      asked.send('inside')
      const messages = on(asked, 'message', { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) })
      for await (const [{ inside }] of messages as AsyncIterable<[{ inside?: Inside }]>) {
        if (inside) return inside
      }
      throw new Error('The service does not answer')
    },

    isReady
  }
}
