import type { Image } from '../lib/images.ts'

export interface StartOptions {
  /** Path of the model, a GGUF file. */
  model: string
  /** Path of the projector, a GGUF file. */
  mmproj: string
  slots: number
  /** KV cells of one sequence. */
  contextSize: number
  threads: number
  gpu: 'off' | 'cuda'
  /** Minimum and maximum tokens of an image. */
  /** `side`: pixels on each side of the square that one token covers. */
  imageTokens: { min: number, max: number, side: number }
}

export interface Turn {
  role: 'user' | 'assistant'
  text: string
  images?: readonly Image[]
}

/** A question, which is answered by greedy sampling. */
export interface Question {
  system?: string
  /** The oldest turn first. The last one is the user's. */
  turns: readonly Turn[]
  maxTokens: number
}

export interface Measured {
  /** Milliseconds from the first byte sent to the first text received. */
  firstTokenMs: number
  totalMs: number
  /** Times of arrival of each piece of text, by `performance.now()`. */
  times: number[]
  text: string
  promptTokens: number
  /** Prompt tokens that were not evaluated again. */
  cachedTokens: number
  completionTokens: number
}

export interface AskOptions {
  /** Called with each piece of text as it arrives. */
  onText?: (text: string) => void
  signal?: AbortSignal
}

export interface RunningContender {
  name: string
  /** Id of the server's process, the parent of all others. */
  pid: number
  url: string
  /** @throws Error when the status is not 200, or the stream is incomplete */
  ask (question: Question, options?: AskOptions): Promise<Measured>
  stop (): Promise<void>
}

export interface Contender {
  name: string
  /** Describes the contender in results. */
  description: string
  /** @returns the command that must run before the contender can start, or null */
  missing (): string | null
  start (options: StartOptions): Promise<RunningContender>
}

/** Records the answer to a question. */
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
