import type { Token } from 'node-llama-cpp'
import type { StepItem } from '../../../native/vision.ts'
import type { EngineEvent, GenerateRequest, Usage } from '../engine.ts'
import { imageCacheKey } from '../image-index.ts'
import { createClock, toTenths } from './clock.ts'
import { Decoding } from './decoding.ts'
import type { EarlyEncoder } from './early-encoder.ts'
import type { createEncoder } from './encoder.ts'
import { WorkerFailure } from './failure.ts'
import type { ImageCache, ImageLease } from './image-cache.ts'
import type { LoadedModel } from './model.ts'
import { planPrefill } from './prefill-plan.ts'
import { createProgress, Prefill } from './prefill.ts'
import { countTextTokens, type RenderedPrompts } from './prompt.ts'
import type { Rounds } from './rounds.ts'
import { samplerOptions } from './sampler-options.ts'
import { SequencePool } from './sequence-pool.ts'
import { Sequence, type Prompt } from './sequence.ts'
import { createTextStream, withoutLeadingBlanks } from './text-stream.ts'
import { Thinking, type AnswerStart, type Begun, type ThoughtPlan } from './thinking.ts'

export interface GeneratorParts {
  loaded: LoadedModel
  rounds: Rounds<StepItem, number>
  cache: ImageCache
  prompts: RenderedPrompts
  /** Null for a model without a projector. */
  encode: ReturnType<typeof createEncoder> | null
  /** Null for a model without a projector. */
  early: EarlyEncoder | null
}

type Emit = (event: EngineEvent) => void

/**
 * Creates the function that runs answers: it encodes images, fills the KV cache and generates text. Each running
 * answer has its own sequence.
 */
export function createGenerator ({ loaded, rounds, cache, prompts, encode, early }: GeneratorParts) {
  const { model, context, decoder } = loaded
  const turnStart = decoder.rewind === 'checkpoints' ? loaded.prompts.turnStart : null
  const pool = new SequencePool(Array.from({ length: loaded.info.slots }, (_, index) => new Sequence(index, decoder)))
  const prefill = new Prefill({ rounds, cache, encode, early, batchSize: context.batchSize })
  const decoding = new Decoding({ rounds, decoder, model })
  const detokenize = (tokens: number[]) => model.detokenize(tokens as Token[])
  const thinking = new Thinking({ decoding, syntax: loaded.prompts.thoughts, detokenize })

  /** Measures a prompt and finds the room for thoughts and answer. */
  function measure (request: GenerateRequest): { prompt: Prompt, usage: PromptUsage, room: number, plan: ThoughtPlan } {
    const { turns, tools, images, scope, maxTokens, thinkingTokens = 0 } = request
    const segments = prompts.take(turns, tools, thinkingTokens > 0)
    const imageTokens = segments.reduce(
      (sum, segment) => sum + (segment.type === 'image' ? loaded.tokensOf(images[segment.image]!) : 0), 0
    )
    const promptTokens = countTextTokens(segments) + imageTokens
    // The limit is the number of cells, not positions. One cell stays free, because node-llama-cpp shifts a full
    // context.
    const free = context.contextSize - 1 - promptTokens
    const plan = thinking.plan(thinkingTokens, maxTokens, free)
    const room = free - plan.closing.length
    if (room < 1) {
      const needed = promptTokens + plan.closing.length + 1
      throw new WorkerFailure({ code: 'PROMPT_TOO_LONG', args: [needed, context.contextSize - 1] })
    }
    const prompt = { scope, segments, imageKeys: images.map(imageCacheKey) }
    return { prompt, usage: { promptTokens, imageTokens }, room, plan }
  }

  /**
   * Generates until the model ends the answer, a stop string occurs, or `maxTokens` is reached. A model whose thoughts
   * were cut off may continue them and write their tags again. Such tags are not text of the answer, and neither is the
   * white space at its beginning.
   */
  async function answer (
    start: AnswerStart, { first, follows, cells }: Begun, { stop, maxTokens }: GenerateRequest, signal: AbortSignal,
    onText: (text: string) => void
  ): Promise<{ finishReason: 'stop' | 'length', count: number }> {
    const stream = createTextStream(detokenize, stop)
    const text = follows ? withoutLeadingBlanks(stream) : stream
    const { openTag, closeTag } = loaded.prompts.thoughts ?? {}
    const room = start.room - cells
    const limits = { limit: Math.min(maxTokens, room), room }
    const { end, count } = await decoding.sample(start.sequence, start.sampler, first, limits, signal, token => {
      if (follows && (token === openTag || token === closeTag)) return 'hidden'
      onText(text.push(token))
      return stream.stopped ? 'ends' : 'counts'
    })
    onText(text.end())
    return { finishReason: end === 'limit' && !stream.stopped ? 'length' : 'stop', count }
  }

  /**
   * Runs one answer and settles when its computation has ended. The sequence keeps the conversation in its KV cache.
   * An abort ends the answer after the current uninterruptible work: on CPUs a node of the graph or a stretch of an
   * encoding, on GPUs a slice or an encoding.
   * @throws WorkerFailure, the reason of `signal`, or an Error of llama.cpp
   */
  return async function generate (request: GenerateRequest, signal: AbortSignal, emit: Emit): Promise<void> {
    const clock = createClock()
    const { images } = request
    const { prompt, usage: promptUsage, room, plan } = measure(request)
    const usual = loaded.samplingOf(plan.thinks)
    const sampler = loaded.createSampler(samplerOptions(request, usual))
    const createThoughtSampler = () => loaded.createSampler(samplerOptions({ ...request, grammar: null }, usual))
    const sequence = await pool.take(prompt, signal)
    const earlier: ImageLease[] = []
    try {
      signal.throwIfAborted()
      await prefill.keepEarlier(request, sequence.match(prompt).rest, earlier, signal)
      const { rest, cells: cachedTokens } = await sequence.cutTo(prompt)
      for (const image of images) cache.touch(image)

      const { steps, tail } = planPrefill(rest, rounds.sliceLength(context.batchSize / 2), turnStart)
      clock.lap()
      const progress = createProgress(emit, images.length, promptUsage.promptTokens, cachedTokens)
      const { cachedImages, encodeMs } = await prefill.run(sequence, steps, request, progress, signal)
      const prefillMs = toTenths(clock.lap() - encodeMs)

      let ttftMs = 0
      const onText = (type: 'thought' | 'token') => (text: string) => {
        if (text === '') return
        ttftMs ||= clock.total()
        emit({ type, text })
      }
      const start = { sequence, tail, plan, sampler, createThoughtSampler, room }
      const begun = await thinking.begin(start, signal, onText('thought'))
      const thinkingMs = plan.thinks ? clock.lap() : 0
      const { finishReason, count } = await answer(start, begun, request, signal, onText('token'))
      const { thinkingTokens } = begun
      const usage: Usage = { ...promptUsage, cachedTokens, thinkingTokens, completionTokens: count }
      const timings = { encodeMs, prefillMs, thinkingMs, decodeMs: clock.lap(), ttftMs: ttftMs || clock.total() }
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

type PromptUsage = Pick<Usage, 'promptTokens' | 'imageTokens'>
