import type { Image } from '../lib/images.ts'

export interface StartOptions {
  /** GGUF files. */
  model: string
  mmproj: string
  slots: number
  /** KV cells of one slot. */
  contextSize: number
  threads: number
  gpu: 'off' | 'cuda'
  /** Fewest and most tokens of one image. */
  imageTokens: { min: number, max: number }
}

export interface Turn {
  role: 'user' | 'assistant'
  text: string
  images?: readonly Image[]
}

/** What is asked, always answered greedily. */
export interface Question {
  system?: string
  /** The oldest first; the last one is the user's. */
  turns: readonly Turn[]
  maxTokens: number
}

export interface Measured {
  /** From the first byte sent to the first text received, in milliseconds. */
  firstTokenMs: number
  totalMs: number
  /** `performance.now()` at the arrival of each piece of text. */
  times: number[]
  text: string
  promptTokens: number
  /** Of them, those that were not evaluated again. */
  cachedTokens: number
  completionTokens: number
}

export interface AskOptions {
  /** Called with each piece of text as it comes. */
  onText?: (text: string) => void
  signal?: AbortSignal
}

export interface RunningContender {
  name: string
  /** Its first process; what it starts itself lies below. */
  pid: number
  url: string
  /** @throws Error when it answers anything but 200, or the stream ends without an end */
  ask (question: Question, options?: AskOptions): Promise<Measured>
  stop (): Promise<void>
}

export interface Contender {
  name: string
  /** What runs behind it, for the result. */
  description: string
  /** Null, or what must be done before it can be started. */
  missing (): string | null
  start (options: StartOptions): Promise<RunningContender>
}

/** Collects what comes back for one question. */
export function createRecorder (onText?: (text: string) => void) {
  const started = performance.now()
  const times: number[] = []
  let text = ''
  return {
    add (piece: string, at: number): void {
      times.push(at)
      text += piece
      onText?.(piece)
    },
    finish (usage: Pick<Measured, 'promptTokens' | 'cachedTokens' | 'completionTokens'>): Measured {
      if (times.length === 0) throw new Error('The answer is empty')
      return { firstTokenMs: times[0]! - started, totalMs: performance.now() - started, times, text, ...usage }
    }
  }
}
