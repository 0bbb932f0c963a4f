import { availableParallelism } from 'node:os'
import { untilAborted } from '../../abort.ts'
import { createDeferred } from '../../deferred.ts'
import { createGate } from '../../gate.ts'
import { threadProgram } from '../../thread-program.ts'
import { DecodeError } from './decode-error.ts'
import type { DecoderKind, ThreadMessage } from './protocol.ts'
import { DecoderThread } from './thread.ts'

/** A file to decode, and the limits. */
export interface DecodeJob {
  kind: DecoderKind
  path: string
  /** Options of the decoder. They are cloned. */
  options?: unknown
  /** Maximum time in milliseconds. The start of a thread and the wait for a free one do not count. */
  timeLimitMs: number
  /** Maximum size of the WebAssembly memory in bytes. */
  memoryLimitBytes: number
}

/** Why a thread was ended before its time. */
export type ThreadEnd = 'slow' | 'memory' | 'crashed' | 'aborted'

/** Decodes files in threads, which can be ended. */
export interface Decoders {
  /**
   * Decodes a file. Files start in the order in which they arrive. An abort rejects at once and ends the thread.
   * @throws DecodeError; the reason of `signal`; Error if a thread cannot start
   */
  decode (job: DecodeJob, signal?: AbortSignal): Promise<unknown>
  /** Returns how many threads were ended, by reason. */
  ended (): Readonly<Record<ThreadEnd, number>>
  /** Returns the number of threads, idle ones included. */
  threads (): number
  /** Ends all threads. A running job fails as a crash. */
  close (): Promise<void>
}

export interface DecodersOptions {
  /** Maximum number of files that are decoded at the same time, and of threads. */
  limit?: number
  /** An idle thread ends after this time. */
  idleMs?: number
  /** URLs of the threads' programs; tests replace them. */
  programs?: Record<DecoderKind, URL>
}

/** The model and sharp need cores, too. */
const MOST_AT_ONCE = 2
const IDLE_MS = 60_000
/** A thread on a busy machine starts in about 1 s. */
const START_LIMIT_MS = 60_000
/** WebAssembly memory never shrinks, so a thread that has used more is not kept. */
const KEPT_BYTES = 32 * 1024 * 1024

const PROGRAMS: Record<DecoderKind, URL> = {
  heic: threadProgram('./heic-thread', import.meta.url)
}

/**
 * Creates the decoders of a process. Threads start when they are needed, are reused, and never keep the process alive.
 * @example
 * const pixels = await decoders.decode({ kind: 'heic', path, timeLimitMs: 30_000, memoryLimitBytes }, signal)
 */
export function createDecoders ({
  limit = Math.min(availableParallelism(), MOST_AT_ONCE), idleMs = IDLE_MS, programs = PROGRAMS
}: DecodersOptions = {}): Decoders {
  const gate = createGate(limit)
  const ended: Record<ThreadEnd, number> = { slow: 0, memory: 0, crashed: 0, aborted: 0 }
  const threads = new Set<DecoderThread>()
  /** Idle threads, the one that has been idle for the longest time first. */
  const idle = new Map<DecoderThread, { kind: DecoderKind, timer: NodeJS.Timeout }>()

  function unlist (thread: DecoderThread): void {
    clearTimeout(idle.get(thread)?.timer)
    idle.delete(thread)
  }

  async function end (thread: DecoderThread): Promise<void> {
    unlist(thread)
    await thread.end()
    threads.delete(thread)
  }

  function keep (thread: DecoderThread, kind: DecoderKind): void {
    const timer = setTimeout(() => { void end(thread) }, idleMs).unref()
    idle.set(thread, { kind, timer })
  }

  /** Returns an idle thread of this kind, or starts one. Another one ends if there are too many. */
  async function take (kind: DecoderKind): Promise<DecoderThread> {
    for (const [thread, state] of idle) {
      if (thread.hasEnded) await end(thread)
      else if (state.kind === kind) {
        unlist(thread)
        return thread
      }
    }
    const [oldest] = idle.keys()
    if (threads.size >= limit && oldest !== undefined) await end(oldest)
    const thread = new DecoderThread(programs[kind])
    threads.add(thread)
    return thread
  }

  async function run ({ kind, path, options, timeLimitMs, memoryLimitBytes }: DecodeJob, signal: AbortSignal) {
    const thread = await take(kind)
    let isReusable = false
    try {
      await within(START_LIMIT_MS, thread.ready(), signal, () => new Error('A decoder thread does not start'))
      const slow = () => new DecodeError('slow', `The decoder takes longer than ${timeLimitMs} ms`)
      const outcome = await within(timeLimitMs, thread.run({ path, options, memoryLimitBytes }), signal, slow)
      isReusable = outcome.type === 'refused' || (outcome.type === 'decoded' && outcome.memoryBytes <= KEPT_BYTES)
      return resultOf(outcome)
    } catch (error) {
      if (signal.aborted) ended.aborted++
      else if (error instanceof DecodeError && error.fault !== 'refused') ended[error.fault]++
      throw error
    } finally {
      if (isReusable) keep(thread, kind)
      else await end(thread)
    }
  }

  return {
    decode: async (job, signal = new AbortController().signal) => await gate.run(() => run(job, signal), signal),
    ended: () => ended,
    threads: () => threads.size,
    async close () {
      await Promise.all([...threads].map(end))
    }
  }
}

/** @throws DecodeError */
function resultOf (outcome: ThreadMessage): unknown {
  switch (outcome.type) {
    case 'decoded': return outcome.result
    case 'refused': throw new DecodeError('refused', outcome.failure, outcome.code)
    case 'crashed': throw new DecodeError(outcome.outOfMemory ? 'memory' : 'crashed', outcome.failure)
    case 'ready': throw new Error('A decoder thread is ready twice')
  }
}

/** Settles like `promise`, but rejects after a time and when the signal fires. */
async function within<T> (ms: number, promise: Promise<T>, signal: AbortSignal, late: () => Error): Promise<T> {
  const expired = createDeferred<never>()
  const timer = setTimeout(() => expired.reject(late()), ms)
  try {
    return await untilAborted(Promise.race([promise, expired.promise]), signal)
  } finally {
    clearTimeout(timer)
  }
}

/** The decoders of this process. Like sharp's threads, they are shared by everything in it. */
export const decoders = createDecoders()
