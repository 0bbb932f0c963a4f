import { existsSync, readFileSync } from 'node:fs'

const SCHEDULE = '/proc/thread-self/schedstat'
const TICK_MS = 5

/** True where the kernel reports how long a thread ran and how long it waited for a processor. */
export const canMeasureStalls = existsSync(SCHEDULE)

/** The longest time without a turn of this thread's event loop. */
export interface Stall {
  /** Wall-clock time. Other load on the machine makes it longer. */
  wallMs: number
  /** The same time without the part in which the thread waited for a processor. */
  ownMs: number
  /** Longest processor time between two turns. Nothing else on the machine makes it longer. */
  ranMs: number
}

export interface Watched<T> {
  result: T
  stall: Stall
  /** Wall-clock time of the whole task. */
  wallMs: number
  /** Processor time that this thread used during the task. */
  computedMs: number
}

/** Runs a task and measures the event loop of this thread meanwhile. */
export async function withStall<T> (task: () => Promise<T>): Promise<Watched<T>> {
  const stall: Stall = { wallMs: 0, ownMs: 0, ranMs: 0 }
  const first = look()
  let last = first
  const check = () => {
    const now = look()
    const wallMs = now.at - last.at
    stall.wallMs = Math.max(stall.wallMs, wallMs)
    stall.ranMs = Math.max(stall.ranMs, now.ranMs - last.ranMs)
    stall.ownMs = Math.max(stall.ownMs, wallMs - (now.waitedMs - last.waitedMs))
    last = now
  }
  const timer = setInterval(check, TICK_MS)
  try {
    const result = await task()
    check()
    return { result, stall, wallMs: last.at - first.at, computedMs: last.ranMs - first.ranMs }
  } finally {
    clearInterval(timer)
  }
}

/** Milliseconds by the clock, on a processor, and waiting for a processor. */
function look (): { at: number, ranMs: number, waitedMs: number } {
  const [ran = '0', waited = '0'] = canMeasureStalls ? readFileSync(SCHEDULE, 'utf8').split(' ') : []
  return { at: performance.now(), ranMs: Number(ran) / 1e6, waitedMs: Number(waited) / 1e6 }
}
