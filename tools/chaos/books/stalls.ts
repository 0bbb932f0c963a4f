import type { Stall } from '../service.ts'

/** Longest stall that the service may cause, without the machine's part. */
export const MAX_STALL_MS = 250

/**
 * The part of a stall that the machine caused: the main thread waited for a CPU, or for another thread that waited for
 * one, for example a thread of the garbage collector.
 */
function noiseMs ({ waitMs, blockedMs, othersWaitMs }: Stall): number {
  return waitMs + Math.min(blockedMs, othersWaitMs)
}

/** The part of a stall that the service caused: it was running, or it blocked itself. */
export function ownMs (stall: Stall): number {
  return stall.wallMs - noiseMs(stall)
}

/** Stalls of the service's event loop during a run. */
export class StallBook {
  count = 0
  /** End of the latest stall, on the clock of `Date.now()`; 0 before the first. */
  lastAt = 0
  /** The stall with the largest part caused by the service. */
  longest: Stall | null = null
  /** The stall with the largest part caused by the machine. */
  noisiest: Stall | null = null

  /** @returns a violation if the service caused too long a stall, or null */
  add (stall: Stall): string | null {
    this.count++
    this.lastAt = stall.at
    if (this.longest === null || ownMs(stall) > ownMs(this.longest)) this.longest = stall
    if (this.noisiest === null || noiseMs(stall) > noiseMs(this.noisiest)) this.noisiest = stall
    return ownMs(stall) > MAX_STALL_MS ? `the event loop stalled for ${describeStall(stall)}` : null
  }
}

/** Describes a stall and its parts. */
export function describeStall (stall: Stall): string {
  const { wallMs, cpuMs, waitMs, blockedMs, othersWaitMs } = stall
  const whole = (ms: number) => `${ms.toFixed(0)} ms`
  const blocked = `${whole(blockedMs)} blocked while another thread waited ${whole(othersWaitMs)} for a CPU`
  const parts = `${whole(cpuMs)} on a CPU, ${whole(waitMs)} waiting for one, ${blocked}`
  return `${whole(wallMs)}, of which the service caused ${whole(ownMs(stall))} (${parts})`
}
