import type { Decoder } from '../../../native/node-llama-cpp.ts'
import type { EncodedImage } from '../../../native/vision.ts'
import type { Segment } from './prompt.ts'

/** A rendered conversation with the keys of its images. */
export interface Prompt {
  /** Identifies the client: prefix reuse never crosses scopes. */
  scope: string
  segments: Segment[]
  /** `imageCacheKey` of each image, by the index that segments use. Images with equal keys have equal embeddings. */
  imageKeys: string[]
}

/** The part of a prompt that a KV cache already contains, and the part to evaluate. */
export interface Reuse {
  /** First position that is not reused. An image takes fewer positions than cells. */
  position: number
  /** Reused KV cells, which equal tokens of the prompt. */
  cells: number
  /** The segments to evaluate; they contain at least the prompt's last token. */
  rest: Segment[]
}

interface CachedImage { key: string, tokens: number, span: number }

/** After this time without a request, the probability that a conversation continues is halved. */
const HALF_LIFE_MS = 5 * 60_000

/** Fills each position of an image in `#tokens`. */
const IMAGE = -1

/** A sequence of the context, and a record of what its KV cache contains. One answer at a time uses it. */
export class Sequence {
  /** Number of the sequence in the context. */
  readonly index: number
  readonly #decoder: Pick<Decoder, 'forget'>
  /** Token ids, by position. */
  #tokens: number[] = []
  /** Complete images, by the position at which they start. */
  #images = new Map<number, CachedImage>()
  #scope = ''
  #usedAt = 0

  constructor (index: number, decoder: Pick<Decoder, 'forget'>) {
    this.index = index
    this.#decoder = decoder
  }

  /** The next position. */
  get position (): number {
    return this.#tokens.length
  }

  /** KV cells in use. */
  get cells (): number {
    let cells = this.#tokens.length
    for (const { tokens, span } of this.#images.values()) cells += tokens - span
    return cells
  }

  /**
   * Returns the cost of using this sequence for a prompt, in tokens, relative to other sequences: the tokens to
   * evaluate now, plus the tokens to discard, weighted by the probability that their conversation continues.
   */
  costOf (prompt: Prompt, now: number): number {
    const { cells } = this.match(prompt)
    const probability = 0.5 ** ((now - this.#usedAt) / HALF_LIFE_MS)
    return (this.cells - cells) * probability - cells
  }

  /** Finds the longest prefix of the prompt that the KV cache contains. */
  match ({ scope, segments, imageKeys }: Prompt): Reuse {
    const reuse: Reuse = { position: 0, cells: 0, rest: segments }
    const last = segments.length - 1
    if (scope !== this.#scope) return reuse

    const cached = this.#tokens
    for (const [index, segment] of segments.entries()) {
      if (segment.type === 'image') {
        const image = this.#images.get(reuse.position)
        if (image?.key !== imageKeys[segment.image]) break
        reuse.position += image!.span
        reuse.cells += image!.tokens
        reuse.rest = segments.slice(index + 1)
        continue
      }
      // The prompt's last token is always evaluated, because its evaluation yields the first token of the answer.
      const most = segment.tokens.length - (index === last ? 1 : 0)
      let same = 0
      while (same < most && segment.tokens[same] === cached[reuse.position + same]) same++
      reuse.position += same
      reuse.cells += same
      const following = segments.slice(index + 1)
      reuse.rest = same < segment.tokens.length
        ? [{ type: 'text', tokens: segment.tokens.slice(same) }, ...following]
        : following
      if (same < segment.tokens.length) break
    }
    return reuse
  }

  /**
   * Removes everything from the KV cache except the prefix that the prompt can reuse.
   * @returns the reuse; it is empty if the model's memory cannot be cut at that position
   */
  async cutTo (prompt: Prompt): Promise<Reuse> {
    const reuse = this.match(prompt)
    this.#scope = prompt.scope
    if (reuse.position > 0 && await this.#decoder.forget(this.index, reuse.position)) {
      this.#tokens.length = reuse.position
      for (const position of this.#images.keys()) {
        if (position >= reuse.position) this.#images.delete(position)
      }
      return reuse
    }
    await this.reset()
    return { position: 0, cells: 0, rest: prompt.segments }
  }

  /** Records evaluated text. */
  addText (tokens: number[]): void {
    for (const token of tokens) this.#tokens.push(token)
  }

  /** Records an image. All of its slices must be decoded. */
  addImage (key: string, { tokens, span }: EncodedImage): void {
    this.#images.set(this.position, { key, tokens, span })
    for (let i = 0; i < span; i++) this.#tokens.push(IMAGE)
  }

  /** Records the end of an answer. */
  markUsed (now: number): void {
    this.#usedAt = now
  }

  async reset (): Promise<void> {
    this.#images.clear()
    this.#tokens = []
    await this.#decoder.forget(this.index, 0)
  }
}

/**
 * The sequences that no answer uses. They keep their KV cache, and a prompt gets the sequence with the lowest `costOf`.
 */
export class SequencePool {
  #idle: Sequence[]
  #waiting = new Set<(sequence: Sequence) => void>()

  constructor (sequences: Sequence[]) {
    this.#idle = [...sequences]
  }

  /**
   * Takes the cheapest idle sequence. If none is idle, it waits; waiting requests are served in the order of their
   * calls.
   * @throws the reason of `signal`
   */
  async take (prompt: Prompt, signal: AbortSignal): Promise<Sequence> {
    signal.throwIfAborted()
    if (this.#idle.length === 0) return await this.#wait(signal)
    const now = performance.now()
    const costs = this.#idle.map(sequence => sequence.costOf(prompt, now))
    const [sequence] = this.#idle.splice(costs.indexOf(Math.min(...costs)), 1)
    return sequence!
  }

  giveBack (sequence: Sequence): void {
    sequence.markUsed(performance.now())
    const [next] = this.#waiting
    if (next) next(sequence)
    else this.#idle.push(sequence)
  }

  #wait (signal: AbortSignal): Promise<Sequence> {
    return new Promise((resolve, reject) => {
      const receive = (sequence: Sequence) => {
        leave()
        resolve(sequence)
      }
      const giveUp = () => {
        leave()
        reject(signal.reason)
      }
      const leave = () => {
        this.#waiting.delete(receive)
        signal.removeEventListener('abort', giveUp)
      }
      this.#waiting.add(receive)
      signal.addEventListener('abort', giveUp, { once: true })
    })
  }
}
