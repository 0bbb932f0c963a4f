import { existsSync, readFileSync } from 'node:fs'

const SCHEDULE = '/proc/thread-self/schedstat'
const TICK_MS = 5

/** Where the kernel tells how long a thread ran and how long it waited for a processor. */
export const canTellStalls = existsSync(SCHEDULE)

/** The longest time that the event loop of this thread made no turn. */
export interface Stall {
  /** By the clock; neighbours on the machine make it longer. */
  wallMs: number
  /** Without the time in which the thread waited for a processor. */
  ownMs: number
}

/**
 * Watches the event loop of this thread while something happens.
 * @returns what it returned, and the longest stall meanwhile
 */
export async function withStall<T> (task: () => Promise<T>): Promise<{ result: T, stall: Stall }> {
  const stall: Stall = { wallMs: 0, ownMs: 0 }
  let last = look()
  const check = () => {
    const now = look()
    const wallMs = now.at - last.at
    stall.wallMs = Math.max(stall.wallMs, wallMs)
    stall.ownMs = Math.max(stall.ownMs, wallMs - (now.waitedMs - last.waitedMs))
    last = now
  }
  const timer = setInterval(check, TICK_MS)
  try {
    return { result: await task(), stall }
  } finally {
    clearInterval(timer)
    check()
  }
}

function look (): { at: number, waitedMs: number } {
  const [, waitedNs = '0'] = canTellStalls ? readFileSync(SCHEDULE, 'utf8').split(' ') : []
  return { at: performance.now(), waitedMs: Number(waitedNs) / 1e6 }
}
