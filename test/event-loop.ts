import { existsSync, readFileSync } from 'node:fs'

const SCHEDULE = '/proc/thread-self/schedstat'
const TICK_MS = 5

/** Whether the kernel tells how long a thread ran and how long it waited for a processor. */
export const canTellStalls = existsSync(SCHEDULE)

/** The longest time without a turn of this thread's event loop. */
export interface Stall {
  /** By the clock; neighbours on the machine make it longer. */
  wallMs: number
  /** Without the time in which the thread waited for a processor. */
  ownMs: number
}

export interface Watched<T> {
  result: T
  stall: Stall
  /** How long it took by the clock, and how long this thread computed meanwhile. */
  wallMs: number
  computedMs: number
}

/** Watches the event loop of this thread while something happens. */
export async function withStall<T> (task: () => Promise<T>): Promise<Watched<T>> {
  const stall: Stall = { wallMs: 0, ownMs: 0 }
  const first = look()
  let last = first
  const check = () => {
    const now = look()
    const wallMs = now.at - last.at
    stall.wallMs = Math.max(stall.wallMs, wallMs)
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

/** Milliseconds by the clock, on a processor, and waiting for one. */
function look (): { at: number, ranMs: number, waitedMs: number } {
  const [ran = '0', waited = '0'] = canTellStalls ? readFileSync(SCHEDULE, 'utf8').split(' ') : []
  return { at: performance.now(), ranMs: Number(ran) / 1e6, waitedMs: Number(waited) / 1e6 }
}
