import { randomInt } from 'node:crypto'
import type { Token } from 'node-llama-cpp'
import { NONE_LEFT, type Sampler, type SamplerOptions, type StepItem } from '../../../native/vision.ts'
import type { EngineEvent, EngineImage, GenerateRequest, Usage } from '../engine.ts'
import type { createEncoder } from './encoder.ts'
import { WorkerFailure } from './failure.ts'
import type { LoadedModel } from './model.ts'
import { keyOf, type ImageCache, type ImageLease } from './image-cache.ts'
import { countTextTokens, type RenderedPrompts, type Segment } from './prompt.ts'
import type { Rounds } from './rounds.ts'
import { Slot, SlotPool, type Prompt } from './slots.ts'
import { createTextStream } from './text-stream.ts'

export interface GeneratorParts {
  loaded: LoadedModel
  rounds: Rounds<StepItem, number>
  cache: ImageCache
  prompts: RenderedPrompts
  /** Null when the model cannot see. */
  encode: ReturnType<typeof createEncoder> | null
}

type Emit = (event: EngineEvent) => void

/** What holds where a request says nothing; llama.cpp's own defaults. */
const TOP_K = 40
const TOP_P = 0.95
/** How many tokens back a repeat penalty looks, and how many OpenAI's penalties, which mean the whole answer. */
const REPEAT_WINDOW = 64
const FREQUENCY_WINDOW = 2048

/** Runs answers: images to embeddings, prompt to KV cache, tokens to text. Each answer has a slot of its own. */
export function createGenerator ({ loaded, rounds, cache, prompts, encode }: GeneratorParts) {
  const { model, context, decoder } = loaded
  const slots = new SlotPool(Array.from({ length: loaded.info.slots }, (_, index) => new Slot(index, decoder)))

  /** Evaluates a run of text without asking for a next token. */
  async function prefillText (
    slot: Slot, tokens: Token[], signal: AbortSignal, onSlice: (count: number) => void
  ): Promise<void> {
    for (let offset = 0; offset < tokens.length;) {
      signal.throwIfAborted()
      const slice = tokens.slice(offset, offset + rounds.sliceLength(context.batchSize))
      const evaluate = () => decoder.decodeText(slot.index, slot.position, slice, signal)
      await rounds.slice(slice.length, evaluate, signal)
      slot.addText(slice)
      offset += slice.length
      onSlice(slice.length)
    }
  }

  async function prefillImage (
    slot: Slot, key: string, { encoded }: ImageLease, signal: AbortSignal, onSlice: (count: number) => void
  ): Promise<void> {
    for (let offset = 0; offset < encoded.tokens;) {
      signal.throwIfAborted()
      const count = Math.min(encoded.tokens - offset, rounds.sliceLength(context.batchSize))
      const decode = () => decoder.decodeImage(slot.index, slot.position, encoded, offset, count, signal)
      await rounds.slice(count, decode, signal)
      offset += count
      onSlice(count)
    }
    slot.addImage(key, encoded)
  }

  async function leaseImage (image: EngineImage, signal: AbortSignal): Promise<ImageLease> {
    // Whoever else waits for the same image shall wait for its encoding only, not for this request's file.
    if (!cache.has(image)) await image.file?.()
    return await cache.lease(image, () => {
      if (image.file === undefined) throw imageExpired([image.id])
      return encode!(image, signal)
    }, signal)
  }

  /**
   * Keeps the images of earlier turns that a prompt will need: there is no file from which they could be encoded again.
   * @param leases gets them
   * @throws WorkerFailure IMAGE_EXPIRED when one is no longer cached
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
   * Brings what a slot does not hold yet into its KV cache, in the order of the prompt: text as it stands, images as soon as they are encoded.
   * @returns for each image of the request, whether its embedding was there; milliseconds spent on encoding
   */
  async function prefill (
    slot: Slot, segments: Segment[], request: GenerateRequest, progress: Progress, signal: AbortSignal
  ): Promise<{ cachedImages: boolean[], encodeMs: number }> {
    const { images } = request
    const needed = new Set(segments.flatMap(segment => segment.type === 'image' ? [segment.image] : []))
    const cachedImages = images.map(() => true)
    let encodeMs = 0
    progress.encoded(images.length - needed.size)
    for (const segment of segments) {
      if (segment.type === 'text') {
        await prefillText(slot, segment.tokens, signal, progress.evaluated)
        continue
      }
      const image = images[segment.image]!
      const clock = createClock()
      const lease = await leaseImage(image, signal)
      try {
        cachedImages[segment.image] = lease.cached
        encodeMs += clock.total()
        progress.encoded(1)
        await prefillImage(slot, keyOf(image), lease, signal, progress.evaluated)
      } finally {
        lease.release()
      }
    }
    return { cachedImages, encodeMs: toTenths(encodeMs) }
  }

  /** Generates until the model ends, a stop string is met, or `maxTokens` are there; returns why and how many. */
  async function decode (
    slot: Slot, sampler: Sampler, tail: Token[], { stop }: GenerateRequest, maxTokens: number, signal: AbortSignal,
    onText: (text: string) => void
  ): Promise<{ finishReason: 'stop' | 'length', count: number }> {
    const text = createTextStream(tokens => model.detokenize(tokens as Token[]), stop)
    const member = rounds.join()
    try {
      let tokens = tail
      for (let count = 0; count < maxTokens; count++) {
        signal.throwIfAborted()
        const token = await member.step({ sequence: slot.index, position: slot.position, tokens, sampler }) as Token
        slot.addText(tokens)
        signal.throwIfAborted()
        if (token === NONE_LEFT) throw new Error('No token of the model fits the grammar')
        if (model.isEogToken(token)) {
          onText(text.end())
          return { finishReason: 'stop', count }
        }
        onText(text.push(token))
        if (text.stopped) return { finishReason: 'stop', count: count + 1 }
        tokens = [token]
      }
      onText(text.end())
      return { finishReason: text.stopped ? 'stop' : 'length', count: maxTokens }
    } finally {
      member.leave()
    }
  }

  /**
   * Runs one answer to its end; settles when nothing of it is on a thread. Its slot goes on holding the conversation.
   * An abort ends it after what cannot be interrupted: a node of the graph or a stretch of an encoding on CPUs, a
   * slice or an encoding on GPUs.
   * @throws WorkerFailure, the reason of `signal`, or an Error of llama.cpp
   */
  return async function generate (request: GenerateRequest, signal: AbortSignal, emit: Emit): Promise<void> {
    const clock = createClock()
    const { images, scope } = request
    const segments = prompts.take(request.turns, request.tools)
    const prompt: Prompt = { scope, segments, imageKeys: images.map(keyOf) }
    const imageTokens = segments.reduce(
      (sum, segment) => sum + (segment.type === 'image' ? loaded.tokensOf(images[segment.image]!) : 0), 0
    )
    const promptTokens = countTextTokens(segments) + imageTokens
    // Cells, not positions, are what a slot runs out of; node-llama-cpp shifts its context when the last one is taken.
    const room = context.contextSize - 1 - promptTokens
    if (room < 1) {
      throw new WorkerFailure({ code: 'PROMPT_TOO_LONG', args: [promptTokens + 1, context.contextSize - 1] })
    }

    const sampler = loaded.createSampler(samplerOptions(request, loaded.info.temperature))
    const slot = await slots.take(prompt, signal)
    const earlier: ImageLease[] = []
    try {
      signal.throwIfAborted()
      await keepEarlier(request, slot.match(prompt).rest, earlier, signal)
      const { rest, cells: cachedTokens } = await slot.goOn(prompt)
      for (const image of images) cache.touch(image)

      // The end of the prompt is evaluated in the same step as the first token is sampled.
      const last = rest.at(-1)!
      if (last.type !== 'text') throw new Error('The chat template ends with a picture')
      const split = Math.max(0, last.tokens.length - rounds.sliceLength(context.batchSize / 2))
      const head = [...rest.slice(0, -1), { type: 'text' as const, tokens: last.tokens.slice(0, split) }]
      const tail = last.tokens.slice(split)

      clock.lap()
      const { cachedImages, encodeMs } =
        await prefill(slot, head, request, createProgress(emit, images.length, promptTokens, cachedTokens), signal)
      const prefillMs = toTenths(clock.lap() - encodeMs)

      let ttftMs = 0
      const {
        finishReason, count
      } = await decode(slot, sampler, tail, request, Math.min(request.maxTokens, room), signal, text => {
        if (text === '') return
        ttftMs ||= clock.total()
        emit({ type: 'token', text })
      })
      const usage: Usage = { promptTokens, imageTokens, cachedTokens, completionTokens: count }
      const timings = { encodeMs, prefillMs, decodeMs: clock.lap(), ttftMs: ttftMs || clock.total() }
      emit({ type: 'done', finishReason, usage, timings, cachedImages })
    } catch (error) {
      // After an abort the books are right; after an error of llama.cpp nobody knows what it left.
      if (error !== signal.reason && !(error instanceof WorkerFailure)) await slot.reset()
      throw error
    } finally {
      for (const lease of earlier) lease.release()
      slots.giveBack(slot)
    }
  }
}

type Progress = ReturnType<typeof createProgress>

/** Adds up what is done and tells it; what a slot held already counts as done. */
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

function samplerOptions ({ sampling, grammar }: GenerateRequest, usualTemperature: number): SamplerOptions {
  const {
    temperature = usualTemperature, topK = TOP_K, topP = TOP_P, minP = 0, repeatPenalty = 1, frequencyPenalty = 0,
    presencePenalty = 0, seed = randomInt(2 ** 32 - 1)
  } = sampling
  const penaltyWindow = frequencyPenalty !== 0 || presencePenalty !== 0 ? FREQUENCY_WINDOW : REPEAT_WINDOW
  return {
    temperature, topK, topP, minP, seed, penaltyWindow, repeatPenalty, frequencyPenalty, presencePenalty, grammar
  }
}

function imageExpired (ids: string[]): WorkerFailure {
  return new WorkerFailure({ code: 'IMAGE_EXPIRED', args: [ids.join(', ')], details: { ids } })
}

const toTenths = (ms: number) => Math.round(ms * 10) / 10

/** Milliseconds since the start and since the last lap, to a tenth. */
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
