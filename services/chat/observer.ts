import type { ChatDone } from '../../schemas/chat.ts'

/** The stages of a request, in order. Only `prepare` and `encode` overlap. */
export type Stage = 'queue' | 'upload' | 'prepare' | 'encode' | 'prefill' | 'think' | 'decode'

/** Receives the timings of answers, for metrics and traces. */
export interface ChatObserver {
  /** @param ms milliseconds between two tokens of an answer */
  onGap (ms: number): void
  onAnswer (done: ChatDone): void
  /**
   * A stage from `prepare` on has ended; the answer may still fail.
   * @param startedAt milliseconds on the clock of `performance.now()`
   * @param endedAt on the same clock
   * @param isCutOff the stage ended before it was complete
   */
  onStage? (requestId: string, stage: Stage, startedAt: number, endedAt: number, isCutOff: boolean): void
}
