import { fork, type ChildProcess } from 'node:child_process'
import { on, once } from 'node:events'
import { createInterface } from 'node:readline'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../bench/lib/processes.ts'
import { ROOT } from '../../config/root.ts'
import { childrenOf } from './lib/proc.ts'

export const SERVER = path.join(ROOT, 'dist/server.js')
/** Reports from inside the service. */
export const PROBE = path.join(ROOT, 'tools/chaos/lib/probe.mjs')
const START_TIMEOUT_MS = 60_000
const PROBE_TIMEOUT_MS = 10_000
const READY_TIMEOUT_MS = 2_000
const POLL_MS = 50

/** What the service tells of its inside, garbage collected before. */
export interface Inside {
  /** Bytes of JavaScript's objects, and of buffers outside its heap. */
  heap: number
  external: number
  /** What keeps its event loop busy: sockets, timers, requests to the system. */
  handles: number
  /** Of events, on the process and on every handle. */
  listeners: number
}

/** A time in which the service's event loop did not turn. */
export interface Stall {
  /** When it ended, on the clock of `Date.now()`. */
  at: number
  /** How late a timer was. */
  wallMs: number
  /** How long the main thread ran on a CPU. */
  cpuMs: number
  /** How long the main thread waited for a CPU, which other threads and processes had. */
  waitMs: number
  /** How long the main thread did neither: it waited for a lock, another thread or a disk. */
  blockedMs: number
  /** The longest that another thread of the service waited for a CPU meanwhile, or up to 100 ms before. */
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
  /** Its working directory: empty, so that nobody's `.env` takes part. */
  cwd: string
  env: Record<string, string>
  onLine (line: LogLine): void
  /** What it writes that is no line of its log. */
  onStray (text: string): void
  /** Its event loop stalled while it served: neither before its first answer nor after a signal to end. */
  onStall (stall: Stall): void
  /** It ended, and nobody had asked it to. */
  onUnexpectedExit (how: string): void
}

export interface Service {
  readonly port: number
  /** Null while it does not run. */
  readonly pid: number | null
  /** Starts it and waits until it can answer. */
  start (): Promise<void>
  /** Sends a signal that ends it and waits for the end. */
  end (signal: 'SIGTERM' | 'SIGKILL'): Promise<{ code: number | null, signal: string | null }>
  /** The process that holds the model; null while there is none. */
  enginePid (): number | null
  /** @throws Error when it does not answer */
  inside (): Promise<Inside>
  isReady (): Promise<boolean>
}

/** The built service on a port of its own; started again it listens on the same one. */
export async function createService (options: ServiceOptions): Promise<Service> {
  const { uploadDir, cwd, env, onLine, onStray, onStall, onUnexpectedExit } = options
  const port = await freePort()
  let child: ChildProcess | null = null
  let isEnding = false
  /** From its first answer to the signal that ends it. */
  let serving = { from: Infinity, to: Infinity }
  // The service must not outlive whoever torments it.
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
      // Not listening.
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
        if (child === null) throw new Error('The service ended while it was starting')
        if (Date.now() > deadline) throw new Error(`The service was not ready after ${START_TIMEOUT_MS} ms`)
        await sleep(POLL_MS)
      }
    },

    async end (signal) {
      const ending = child
      if (!ending) throw new Error('The service does not run')
      isEnding = true
      serving.to = Date.now()
      const gone = once(ending, 'exit') as Promise<[number | null, string | null]>
      ending.kill(signal)
      const [code, by] = await gone
      return { code, signal: by }
    },

    // It has one child, which it replaces.
    enginePid: () => child?.pid === undefined ? null : childrenOf(child.pid).at(-1) ?? null,

    async inside () {
      const asked = child
      if (!asked) throw new Error('The service does not run')
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
