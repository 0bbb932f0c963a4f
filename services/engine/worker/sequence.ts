import type { Decoder } from '../../../native/node-llama-cpp.ts'
import type { Checkpoint, EncodedImage } from '../../../native/vision.ts'
import type { Place } from './prefill-plan.ts'
import type { Segment } from './prompt.ts'

/** A rendered conversation with the keys of its images. */
export interface Prompt {
  /** Identifies the client: prefix reuse never crosses scopes. */
  scope: string
  segments: Segment[]
  /** `imageCacheKey` of each image, by the index that segments use. Images with equal keys have equal embeddings. */
  imageKeys: string[]
}

/** The part of a prompt that a sequence can resume, and the part to evaluate. */
export interface Reuse {
  /** First position that is not reused. An image takes fewer positions than cells. */
  position: number
  /** Reused KV cells, which equal tokens of the prompt. */
  cells: number
  /** The segments to evaluate; they contain at least the prompt's last token. */
  rest: Segment[]
}

interface CachedImage { key: string, tokens: number, span: number }

type SequenceDecoder = Pick<
  Decoder, 'rewind' | 'reproducible' | 'decodeText' | 'decodeImage' | 'forget' | 'createCheckpoint' | 'save' | 'restore'
>

/** After this time without a request, the probability that a conversation continues is halved. */
const HALF_LIFE_MS = 5 * 60_000

/** Fills each position of an image in `#tokens`. */
const IMAGE = -1

/**
 * A sequence of the context, and a record of what its memory contains. One answer at a time uses it.
 *
 * Attention layers can be cut at any position. The state of recurrent layers cannot be rewound, so a sequence of a
 * hybrid model resumes only from its end or from a checkpoint.
 *
 * If answers must be reproducible (`Decoder.reproducible`), no token is reused that was evaluated as a single row, such
 * as those of answers, and no single row is left to evaluate.
 */
export class Sequence {
  /** Number of the sequence in the context. */
  readonly index: number
  readonly #decoder: SequenceDecoder
  /** Token ids, by position. */
  #tokens: number[] = []
  /** Complete images, by the position at which they start. */
  #images = new Map<number, CachedImage>()
  /** Position of the first token that the model generated; Infinity without one. */
  #generatedFrom = Infinity
  /** False while the memory may contain more than the record: within an image, and after an abort. */
  #exact = true
  /** One checkpoint for each place. Their buffers are kept when they are no longer valid. */
  #checkpoints = new Map<Place, Checkpoint>()
  /** The next position at the time of each valid checkpoint. */
  #saved = new Map<Place, number>()
  #scope = ''
  #usedAt = 0

  constructor (index: number, decoder: SequenceDecoder) {
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

  /** Finds the longest prefix of the prompt that this sequence can resume. */
  match (prompt: Prompt): Reuse {
    if (prompt.scope !== this.#scope) return { position: 0, cells: 0, rest: prompt.segments }
    const longest = this.#matchUntil(prompt, this.#decoder.reproducible ? this.#generatedFrom : Infinity)
    const position = this.#lastResumable(longest.position - (this.#leavesSingleRow(longest) ? 1 : 0))
    return position === longest.position ? longest : this.#matchUntil(prompt, position)
  }

  /**
   * Removes everything from the memory except the prefix that the prompt can reuse.
   * @throws Error of llama.cpp; the content of the sequence is unknown then
   */
  async cutTo (prompt: Prompt): Promise<Reuse> {
    const reuse = this.match(prompt)
    this.#scope = prompt.scope
    if (reuse.position === 0) {
      await this.reset()
      return reuse
    }
    await this.#rewindTo(reuse.position)
    this.#tokens.length = reuse.position
    if (this.#generatedFrom >= reuse.position) this.#generatedFrom = Infinity
    this.#exact = true
    for (const position of this.#images.keys()) {
      if (position >= reuse.position) this.#images.delete(position)
    }
    for (const [place, position] of this.#saved) {
      if (position > reuse.position) this.#saved.delete(place)
    }
    return reuse
  }

  /**
   * Evaluates text without sampling a next token.
   * @throws the reason of `signal`; Error of llama.cpp, after which the content of the sequence is unknown
   */
  async evaluateText (tokens: number[], signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    this.#exact = false
    await this.#decoder.decodeText(this.index, this.position, tokens, signal)
    this.addPrompt(tokens)
  }

  /**
   * Evaluates the tokens `offset … offset + count - 1` of an image.
   * @throws the reason of `signal`; Error of llama.cpp, after which the content of the sequence is unknown
   */
  async evaluateImage (
    key: string, image: EncodedImage, offset: number, count: number, signal: AbortSignal
  ): Promise<void> {
    signal.throwIfAborted()
    this.#exact = false
    await this.#decoder.decodeImage(this.index, this.position, image, offset, count, signal)
    if (offset + count < image.tokens) return
    this.#images.set(this.position, { key, tokens: image.tokens, span: image.span })
    for (let i = 0; i < image.span; i++) this.#tokens.push(IMAGE)
    this.#exact = true
  }

  /** Records evaluated text of a prompt. */
  addPrompt (tokens: number[]): void {
    for (const token of tokens) this.#tokens.push(token)
    this.#exact = true
  }

  /** Records a token of the answer that a step has evaluated. */
  addGenerated (token: number): void {
    this.#generatedFrom = Math.min(this.#generatedFrom, this.position)
    this.#tokens.push(token)
  }

  /**
   * Keeps the current state, if the memory cannot be cut without it. It replaces the earlier checkpoint of the same
   * place.
   */
  async saveCheckpoint (place: Place): Promise<void> {
    const { position } = this
    if (this.#decoder.rewind !== 'checkpoints' || position === 0) return
    if ([...this.#saved.values()].includes(position)) return
    const checkpoint = this.#checkpoints.get(place) ?? this.#decoder.createCheckpoint()
    this.#checkpoints.set(place, checkpoint)
    this.#saved.delete(place)
    await this.#decoder.save(this.index, checkpoint)
    this.#saved.set(place, position)
  }

  /** Records the end of an answer. */
  markUsed (now: number): void {
    this.#usedAt = now
  }

  /** Empties the sequence. */
  async reset (): Promise<void> {
    this.#images.clear()
    this.#saved.clear()
    this.#tokens = []
    this.#generatedFrom = Infinity
    this.#exact = true
    await this.#decoder.forget(this.index, 0)
  }

  /** Empties the sequence and frees its checkpoints. */
  async discard (): Promise<void> {
    for (const checkpoint of this.#checkpoints.values()) checkpoint.dispose()
    this.#checkpoints.clear()
    await this.reset()
  }

  /** Finds the longest common prefix of the prompt and the record that does not exceed `limit` positions. */
  #matchUntil ({ segments, imageKeys }: Prompt, limit: number): Reuse {
    const reuse: Reuse = { position: 0, cells: 0, rest: segments }
    const last = segments.length - 1
    const recorded = this.#tokens
    for (const [index, segment] of segments.entries()) {
      if (segment.type === 'image') {
        const image = this.#images.get(reuse.position)
        if (image?.key !== imageKeys[segment.image] || reuse.position + image!.span > limit) break
        reuse.position += image!.span
        reuse.cells += image!.tokens
        reuse.rest = segments.slice(index + 1)
        continue
      }
      // The prompt's last token is always evaluated, because its evaluation yields the first token of the answer.
      const most = Math.min(segment.tokens.length - (index === last ? 1 : 0), limit - reuse.position)
      let same = 0
      while (same < most && segment.tokens[same] === recorded[reuse.position + same]) same++
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

  /** Returns the last position up to `position` from which the memory can continue. */
  #lastResumable (position: number): number {
    if (this.#decoder.rewind === 'anywhere' || this.#isEnd(position)) return position
    return Math.max(0, ...[...this.#saved.values()].filter(saved => saved <= position))
  }

  /** Returns whether the first text to evaluate is one token, although a cold prompt evaluates it with others. */
  #leavesSingleRow ({ position, rest: [first] }: Reuse): boolean {
    return this.#decoder.reproducible && position > 0 && this.#tokens[position - 1] !== IMAGE &&
      first?.type === 'text' && first.tokens.length === 1
  }

  #isEnd (position: number): boolean {
    return this.#exact && position === this.position
  }

  async #rewindTo (position: number): Promise<void> {
    if (this.#isEnd(position)) return
    const place = [...this.#saved.keys()].find(place => this.#saved.get(place) === position)
    if (place !== undefined) await this.#decoder.restore(this.index, this.#checkpoints.get(place)!, position)
    else if (!await this.#decoder.forget(this.index, position)) throw new Error('The KV cache cannot be cut')
  }
}
