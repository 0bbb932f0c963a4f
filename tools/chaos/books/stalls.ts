import type { Stall } from '../service.ts'

/** The service may hold up its other clients for so long, the machine's part not counted. */
export const MAX_STALL_MS = 250

/**
 * How much of a stall the machine caused: the main thread waited for a CPU, or for another thread that did, for example
 * one of those that collect garbage.
 */
function noiseMs ({ waitMs, blockedMs, othersWaitMs }: Stall): number {
  return waitMs + Math.min(blockedMs, othersWaitMs)
}

/** How much of a stall the service caused: it ran, or it was blocked by itself. */
export function ownMs (stall: Stall): number {
  return stall.wallMs - noiseMs(stall)
}

/** Stalls of the service's event loop over a run. */
export class StallBook {
  count = 0
  /** When the latest one ended, on the clock of `Date.now()`; 0 before the first. */
  lastAt = 0
  /** The one of which the service caused most. */
  longest: Stall | null = null
  /** The one of which the machine caused most. */
  noisiest: Stall | null = null

  /** Returns what is wrong with the stall, or null. */
  add (stall: Stall): string | null {
    this.count++
    this.lastAt = stall.at
    if (this.longest === null || ownMs(stall) > ownMs(this.longest)) this.longest = stall
    if (this.noisiest === null || noiseMs(stall) > noiseMs(this.noisiest)) this.noisiest = stall
    return ownMs(stall) > MAX_STALL_MS ? `the event loop stalled for ${partsOf(stall)}` : null
  }
}

/** The stall and what it consists of, in words. */
export function partsOf (stall: Stall): string {
  const { wallMs, cpuMs, waitMs, blockedMs, othersWaitMs } = stall
  const whole = (ms: number) => `${ms.toFixed(0)} ms`
  const blocked = `${whole(blockedMs)} blocked while another thread waited ${whole(othersWaitMs)} for a CPU`
  const parts = `${whole(cpuMs)} on a CPU, ${whole(waitMs)} waiting for one, ${blocked}`
  return `${whole(wallMs)}, of which the service caused ${whole(ownMs(stall))} (${parts})`
}
