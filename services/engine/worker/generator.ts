import { randomInt } from 'node:crypto'
import type { LlamaContextSequence, Token } from 'node-llama-cpp'
import { advancePast, decodePicture, resetSequence } from '../../../native/node-llama-cpp.ts'
import type { EngineEvent, GenerateRequest, Sampling, Usage } from '../engine.ts'
import type { createEncoder } from './encoder.ts'
import { WorkerFailure } from './failure.ts'
import { createGrammars } from './grammars.ts'
import type { LoadedModel } from './model.ts'
import type { PictureCache, PictureLease } from './picture-cache.ts'
import { countTextTokens, type Segment } from './prompt.ts'
import type { Rounds } from './rounds.ts'
import { createTextStream } from './text-stream.ts'

export interface GeneratorParts {
  loaded: LoadedModel
  rounds: Rounds
  cache: PictureCache
  /** Null when the model cannot see. */
  encode: ReturnType<typeof createEncoder> | null
}

type Emit = (event: EngineEvent) => void

/** How many tokens back a repeat penalty looks, and how many OpenAI's penalties, which mean the whole answer. */
const REPEAT_WINDOW = 64
const FREQUENCY_WINDOW = 2048

/**
 * Runs answers: pictures to embeddings, prompt to KV cache, tokens to text. Each answer has a sequence of its own.
 */
export function createGenerator ({ loaded, rounds, cache, encode }: GeneratorParts) {
  const { llama, model, context, prompts } = loaded
  const startGrammar = createGrammars(llama, model)
  const idle = [...loaded.sequences]
  const waiting: Array<(sequence: LlamaContextSequence) => void> = []

  async function takeSequence (): Promise<LlamaContextSequence> {
    return idle.pop() ?? await new Promise(resolve => waiting.push(resolve))
  }

  function giveBack (sequence: LlamaContextSequence): void {
    const next = waiting.shift()
    if (next) next(sequence)
    else idle.push(sequence)
  }

  /** Evaluates a run of text without asking for a next token. */
  async function prefillText (sequence: LlamaContextSequence, tokens: Token[], signal: AbortSignal, onSlice: (count: number) => void): Promise<void> {
    for (let offset = 0; offset < tokens.length;) {
      signal.throwIfAborted()
      const slice = tokens.slice(offset, offset + rounds.sliceLength(context.batchSize))
      await rounds.slice(slice.length, () => sequence.evaluateWithoutGeneratingNewTokens(slice))
      offset += slice.length
      onSlice(slice.length)
    }
  }

  async function prefillPicture (sequence: LlamaContextSequence, { picture }: PictureLease, signal: AbortSignal, onSlice: (count: number) => void): Promise<void> {
    for (let offset = 0; offset < picture.tokens;) {
      signal.throwIfAborted()
      const count = Math.min(picture.tokens - offset, rounds.sliceLength(context.batchSize))
      await rounds.slice(count, () => decodePicture(sequence, picture, offset, count))
      offset += count
      onSlice(count)
    }
    advancePast(sequence, picture, prompts.placeholder)
  }

  /**
   * Has every picture encoded that is not cached, in order.
   * @throws WorkerFailure IMAGE_EXPIRED when one of an earlier turn is no longer cached
   */
  async function leasePictures ({ images }: GenerateRequest, leases: PictureLease[], signal: AbortSignal, emit: Emit): Promise<void> {
    const expired = images.filter(image => image.path === undefined && !cache.has(image)).map(image => image.id)
    if (expired.length > 0) throw imageExpired(expired)
    for (const image of images) {
      const lease = await cache.lease(image, () => {
        if (image.path === undefined) throw imageExpired([image.id])
        return encode!(image, signal)
      }, signal)
      leases.push(lease)
      emit({ type: 'progress', stage: 'encode', done: leases.length, total: images.length })
    }
  }

  async function prefill (sequence: LlamaContextSequence, segments: Segment[], leases: PictureLease[], total: number, signal: AbortSignal, emit: Emit): Promise<void> {
    let done = 0
    const onSlice = (count: number) => {
      done += count
      emit({ type: 'progress', stage: 'prefill', done, total })
    }
    for (const segment of segments) {
      if (segment.type === 'text') await prefillText(sequence, segment.tokens, signal, onSlice)
      else await prefillPicture(sequence, leases[segment.image]!, signal, onSlice)
    }
  }

  /** Generates until the model ends, a stop string is met, or `maxTokens` are there; returns why and how many. */
  async function decode (sequence: LlamaContextSequence, tail: Token[], request: GenerateRequest, maxTokens: number, signal: AbortSignal, onText: (text: string) => void): Promise<{ finishReason: 'stop' | 'length', count: number }> {
    const { temperature = loaded.info.temperature, topP, topK, minP, seed = randomInt(2 ** 32 - 1) } = request.sampling
    const text = createTextStream(tokens => model.detokenize(tokens as Token[]), request.stop)
    const generated: Token[] = []
    const grammarEvaluationState = request.grammar === null ? undefined : await startGrammar(request.grammar)
    const repeatPenalty = penaltyOf(request.sampling, generated)
    const tokens = sequence.evaluate(tail, { temperature, topP, topK, minP, seed, repeatPenalty, grammarEvaluationState })
    const member = rounds.join()
    try {
      while (generated.length < maxTokens) {
        await member.step()
        signal.throwIfAborted()
        const { value, done } = await tokens.next()
        if (done) {
          onText(text.end())
          return { finishReason: 'stop', count: generated.length }
        }
        generated.push(value)
        onText(text.push(value))
        if (text.stopped) return { finishReason: 'stop', count: generated.length }
      }
      onText(text.end())
      return { finishReason: text.stopped ? 'stop' : 'length', count: generated.length }
    } finally {
      member.leave()
      await tokens.return()
    }
  }

  /**
   * Runs one answer to its end; settles when nothing of it is left in a sequence or on a thread.
   * @throws WorkerFailure, the reason of `signal`, or an Error of llama.cpp
   */
  return async function generate (request: GenerateRequest, signal: AbortSignal, emit: Emit): Promise<void> {
    const clock = createClock()
    const leases: PictureLease[] = []
    const sequence = await takeSequence()
    try {
      const segments = prompts.render(request.turns, request.tools)
      await leasePictures(request, leases, signal, emit)
      const encodeMs = clock.lap()

      const imageTokens = segments.reduce((sum, segment) => sum + (segment.type === 'image' ? leases[segment.image]!.picture.tokens : 0), 0)
      const promptTokens = countTextTokens(segments) + imageTokens
      // Cells, not positions, are what a slot runs out of; node-llama-cpp shifts its context when the last one is taken.
      const room = context.contextSize - 1 - promptTokens
      if (room < 1) throw new WorkerFailure({ code: 'PROMPT_TOO_LONG', args: [promptTokens + 1, context.contextSize - 1] })
      const maxTokens = Math.min(request.maxTokens, room)

      // The end of the prompt is evaluated in the same step as the first token is sampled.
      const last = segments.at(-1)!
      if (last.type !== 'text') throw new Error('The chat template ends with a picture')
      const tail = last.tokens.splice(-Math.min(last.tokens.length, rounds.sliceLength(context.batchSize / 2)))
      await prefill(sequence, segments, leases, promptTokens, signal, emit)
      const prefillMs = clock.lap()

      let ttftMs = 0
      const { finishReason, count } = await decode(sequence, tail, request, maxTokens, signal, text => {
        if (text === '') return
        ttftMs ||= clock.total()
        emit({ type: 'token', text })
      })
      const usage: Usage = { promptTokens, imageTokens, cachedTokens: 0, completionTokens: count }
      const timings = { encodeMs, prefillMs, decodeMs: clock.lap(), ttftMs: ttftMs || clock.total() }
      emit({ type: 'done', finishReason, usage, timings, cachedImages: leases.map(lease => lease.cached) })
    } finally {
      for (const lease of leases) lease.release()
      await resetSequence(sequence)
      giveBack(sequence)
    }
  }
}

function penaltyOf ({ repeatPenalty = 1, frequencyPenalty = 0, presencePenalty = 0 }: Sampling, generated: Token[]) {
  const counts = frequencyPenalty !== 0 || presencePenalty !== 0
  if (!counts && repeatPenalty === 1) return undefined
  const window = counts ? FREQUENCY_WINDOW : REPEAT_WINDOW
  return { penalty: repeatPenalty, frequencyPenalty, presencePenalty, maxPunishTokens: window, punishTokens: () => generated.slice(-window) }
}

function imageExpired (ids: string[]): WorkerFailure {
  return new WorkerFailure({ code: 'IMAGE_EXPIRED', args: [ids.join(', ')], details: { ids } })
}

/** Milliseconds since the start and since the last lap, to a tenth. */
function createClock () {
  const started = performance.now()
  let mark = started
  const rounded = (ms: number) => Math.round(ms * 10) / 10
  return {
    lap () {
      const now = performance.now()
      const ms = now - mark
      mark = now
      return rounded(ms)
    },
    total: () => rounded(performance.now() - started)
  }
}
