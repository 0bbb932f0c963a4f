import type { Token } from 'node-llama-cpp'
import { NONE_LEFT, type Sampler, type StepItem } from '../../../native/vision.ts'
import type { EngineEvent, EngineImage, GenerateRequest, Usage } from '../engine.ts'
import type { createEncoder } from './encoder.ts'
import { imageCacheKey } from '../image-index.ts'
import { WorkerFailure } from './failure.ts'
import type { ImageCache, ImageLease } from './image-cache.ts'
import type { LoadedModel } from './model.ts'
import { planPrefill, sliceOf, type PrefillStep } from './prefill-plan.ts'
import { countTextTokens, type RenderedPrompts, type Segment } from './prompt.ts'
import type { Rounds } from './rounds.ts'
import { samplerOptions } from './sampler-options.ts'
import { SequencePool } from './sequence-pool.ts'
import { Sequence, type Prompt } from './sequence.ts'
import { createTextStream } from './text-stream.ts'

export interface GeneratorParts {
  loaded: LoadedModel
  rounds: Rounds<StepItem, number>
  cache: ImageCache
  prompts: RenderedPrompts
  /** Null for a model without a projector. */
  encode: ReturnType<typeof createEncoder> | null
}

type Emit = (event: EngineEvent) => void

/**
 * Creates the function that runs answers: it encodes images, fills the KV cache and generates text. Each running
 * answer has its own sequence.
 */
export function createGenerator ({ loaded, rounds, cache, prompts, encode }: GeneratorParts) {
  const { model, context, decoder } = loaded
  const turnStart = decoder.rewind === 'checkpoints' ? loaded.prompts.turnStart : null
  const pool = new SequencePool(Array.from({ length: loaded.info.slots }, (_, index) => new Sequence(index, decoder)))

  /** Evaluates text without sampling a next token. */
  async function prefillText (
    sequence: Sequence, tokens: Token[], signal: AbortSignal, onSlice: (count: number) => void
  ): Promise<void> {
    for (let offset = 0; offset < tokens.length;) {
      signal.throwIfAborted()
      const count = sliceOf(tokens.length - offset, rounds.sliceLength(context.batchSize))
      const slice = tokens.slice(offset, offset + count)
      await rounds.slice(slice.length, () => sequence.evaluateText(slice, signal), signal)
      offset += slice.length
      onSlice(slice.length)
    }
  }

  async function prefillImage (
    sequence: Sequence, key: string, { encoded }: ImageLease, signal: AbortSignal, onSlice: (count: number) => void
  ): Promise<void> {
    for (let offset = 0; offset < encoded.tokens;) {
      signal.throwIfAborted()
      const count = sliceOf(encoded.tokens - offset, rounds.sliceLength(context.batchSize))
      const from = offset
      await rounds.slice(count, () => sequence.evaluateImage(key, encoded, from, count, signal), signal)
      offset += count
      onSlice(count)
    }
  }

  async function leaseImage (image: EngineImage, signal: AbortSignal): Promise<ImageLease> {
    // Wait for the file before the lease: other requests for this image then wait only for its encoding.
    if (!cache.has(image)) await image.file?.()
    return await cache.lease(image, () => {
      if (image.file === undefined) throw imageExpired([image.id])
      return encode!(image, signal)
    }, signal)
  }

  /**
   * Leases the images of earlier turns that the prompt needs. They have no file, so they cannot be encoded again.
   * @param leases receives the leases
   * @throws WorkerFailure IMAGE_EXPIRED when an image is no longer cached
   */
  async function keepEarlier (
    { images }: GenerateRequest, segments: Segment[], leases: ImageLease[], signal: AbortSignal
  ): Promise<void> {
    const needed = new Set(segments.flatMap(segment => segment.type === 'image' ? [images[segment.image]!] : []))
    const earlier = [...needed].filter(image => image.file === undefined)
    const expired = earlier.filter(image => !cache.has(image))
    if (expired.length > 0) throw imageExpired([...new Set(expired.map(image => image.id))])
    for (const image of earlier) leases.push(await leaseImage(image, signal))
  }

  /**
   * Runs the steps of a prefill in order. An image is encoded first if it is not cached.
   * @returns for each image of the request, whether its embedding was cached; milliseconds spent on encoding
   */
  async function prefill (
    sequence: Sequence, steps: PrefillStep[], request: GenerateRequest, progress: Progress, signal: AbortSignal
  ): Promise<{ cachedImages: boolean[], encodeMs: number }> {
    const { images } = request
    const needed = new Set(steps.flatMap(step => step.type === 'image' ? [step.image] : []))
    const cachedImages = images.map(() => true)
    let encodeMs = 0
    progress.encoded(images.length - needed.size)
    for (const step of steps) {
      if (step.type === 'text') {
        await prefillText(sequence, step.tokens, signal, progress.evaluated)
        continue
      }
      if (step.type === 'checkpoint') {
        await sequence.saveCheckpoint(step.place)
        continue
      }
      const image = images[step.image]!
      const clock = createClock()
      const lease = await leaseImage(image, signal)
      try {
        cachedImages[step.image] = lease.cached
        encodeMs += clock.total()
        progress.encoded(1)
        await prefillImage(sequence, imageCacheKey(image), lease, signal, progress.evaluated)
      } finally {
        lease.release()
      }
    }
    return { cachedImages, encodeMs: toTenths(encodeMs) }
  }

  /** Evaluates the end of a prompt and samples the first token of the answer. */
  async function decodeTail (
    sequence: Sequence, sampler: Sampler, tail: Token[], signal: AbortSignal
  ): Promise<Token> {
    const item = { sequence: sequence.index, position: sequence.position, tokens: tail, sampler }
    // Not in a step, where llama.cpp would split these rows to match the single rows of other answers.
    const [token] = await rounds.slice(tail.length, () => decoder.step([item]), signal)
    sequence.addPrompt(tail)
    return token as Token
  }

  /** Generates until the model ends the answer, a stop string occurs, or `maxTokens` is reached. */
  async function decode (
    sequence: Sequence, sampler: Sampler, first: Token, { stop }: GenerateRequest, maxTokens: number,
    signal: AbortSignal, onText: (text: string) => void
  ): Promise<{ finishReason: 'stop' | 'length', count: number }> {
    const text = createTextStream(tokens => model.detokenize(tokens as Token[]), stop)
    const member = rounds.join()
    try {
      let token = first
      for (let count = 0; count < maxTokens; count++) {
        signal.throwIfAborted()
        if (count > 0) {
          const { index, position } = sequence
          const evaluated = token
          token = await member.step({ sequence: index, position, tokens: [evaluated], sampler }) as Token
          sequence.addGenerated(evaluated)
          signal.throwIfAborted()
        }
        if (token === NONE_LEFT) throw new Error('The grammar allows no token of the vocabulary')
        if (model.isEogToken(token)) {
          onText(text.end())
          return { finishReason: 'stop', count }
        }
        onText(text.push(token))
        if (text.stopped) return { finishReason: 'stop', count: count + 1 }
      }
      onText(text.end())
      return { finishReason: text.stopped ? 'stop' : 'length', count: maxTokens }
    } finally {
      member.leave()
    }
  }

  /**
   * Runs one answer and settles when its computation has ended. The sequence keeps the conversation in its KV cache.
   * An abort ends the answer after the current uninterruptible work: on CPUs a node of the graph or a stretch of an
   * encoding, on GPUs a slice or an encoding.
   * @throws WorkerFailure, the reason of `signal`, or an Error of llama.cpp
   */
  return async function generate (request: GenerateRequest, signal: AbortSignal, emit: Emit): Promise<void> {
    const clock = createClock()
    const { images, scope } = request
    const segments = prompts.take(request.turns, request.tools)
    const prompt: Prompt = { scope, segments, imageKeys: images.map(imageCacheKey) }
    const imageTokens = segments.reduce(
      (sum, segment) => sum + (segment.type === 'image' ? loaded.tokensOf(images[segment.image]!) : 0), 0
    )
    const promptTokens = countTextTokens(segments) + imageTokens
    // The limit is the number of cells, not positions. One cell stays free, because node-llama-cpp shifts a full
    // context.
    const room = context.contextSize - 1 - promptTokens
    if (room < 1) {
      throw new WorkerFailure({ code: 'PROMPT_TOO_LONG', args: [promptTokens + 1, context.contextSize - 1] })
    }

    const sampler = loaded.createSampler(samplerOptions(request, loaded.sampling))
    const sequence = await pool.take(prompt, signal)
    const earlier: ImageLease[] = []
    try {
      signal.throwIfAborted()
      await keepEarlier(request, sequence.match(prompt).rest, earlier, signal)
      const { rest, cells: cachedTokens } = await sequence.cutTo(prompt)
      for (const image of images) cache.touch(image)

      const { steps, tail } = planPrefill(rest, rounds.sliceLength(context.batchSize / 2), turnStart)
      clock.lap()
      const progress = createProgress(emit, images.length, promptTokens, cachedTokens)
      const { cachedImages, encodeMs } = await prefill(sequence, steps, request, progress, signal)
      const prefillMs = toTenths(clock.lap() - encodeMs)

      let ttftMs = 0
      const onText = (text: string) => {
        if (text === '') return
        ttftMs ||= clock.total()
        emit({ type: 'token', text })
      }
      const maxTokens = Math.min(request.maxTokens, room)
      const first = await decodeTail(sequence, sampler, tail, signal)
      const { finishReason, count } = await decode(sequence, sampler, first, request, maxTokens, signal, onText)
      const usage: Usage = { promptTokens, imageTokens, cachedTokens, thinkingTokens: 0, completionTokens: count }
      const timings = { encodeMs, prefillMs, thinkingMs: 0, decodeMs: clock.lap(), ttftMs: ttftMs || clock.total() }
      emit({ type: 'done', finishReason, usage, timings, cachedImages })
    } catch (error) {
      // After an abort, the record of the sequence is correct. After an error of llama.cpp, its content is unknown.
      if (error !== signal.reason && !(error instanceof WorkerFailure)) await sequence.discard()
      throw error
    } finally {
      for (const lease of earlier) lease.release()
      pool.giveBack(sequence)
    }
  }
}

type Progress = ReturnType<typeof createProgress>

/** Emits progress events. Reused images and tokens count as done. */
function createProgress (emit: Emit, images: number, tokens: number, cachedTokens: number) {
  let encoded = 0
  let evaluated = cachedTokens
  return {
    encoded (count: number) {
      encoded += count
      if (count > 0) emit({ type: 'progress', stage: 'encode', done: encoded, total: images })
    },
    evaluated (count: number) {
      evaluated += count
      emit({ type: 'progress', stage: 'prefill', done: evaluated, total: tokens })
    }
  }
}

function imageExpired (ids: string[]): WorkerFailure {
  return new WorkerFailure({ code: 'IMAGE_EXPIRED', args: [ids.join(', ')], details: { ids } })
}

const toTenths = (ms: number) => Math.round(ms * 10) / 10

/** Measures milliseconds since the start and since the last lap, rounded to a tenth. */
function createClock () {
  const started = performance.now()
  let mark = started
  return {
    lap () {
      const now = performance.now()
      const ms = now - mark
      mark = now
      return toTenths(ms)
    },
    total: () => toTenths(performance.now() - started)
  }
}
