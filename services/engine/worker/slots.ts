import type { Decoder } from '../../../native/node-llama-cpp.ts'
import type { EncodedImage } from '../../../native/vision.ts'
import type { Segment } from './prompt.ts'

/** A rendered conversation, with names for its images. */
export interface Prompt {
  /** Who asks: nobody goes on from what somebody else said. */
  scope: string
  segments: Segment[]
  /** For each index that segments use: what is in the image and how large it is. Equal keys, equal embeddings. */
  imageKeys: string[]
}

/** What a slot need not evaluate again, and what is left to do. */
export interface Reuse {
  /** Where the sequence goes on; an image takes fewer positions than cells. */
  position: number
  /** KV cells, which is tokens of the prompt. */
  cells: number
  /** The rest of the prompt, at least its last token. */
  rest: Segment[]
}

interface HeldImage { key: string, tokens: number, span: number }

/** A conversation that was silent for so long is half as likely to go on. */
const HALF_LIFE_MS = 5 * 60_000

/** Stands in the books for each position that an image takes. */
const IMAGE = -1

/** A sequence of the context, and the books of what its KV cache holds. */
export class Slot {
  /** Number of the sequence in the context. */
  readonly index: number
  readonly #decoder: Pick<Decoder, 'forget'>
  /** By position. */
  #held: number[] = []
  /** By the position at which they start. */
  #images = new Map<number, HeldImage>()
  #scope = ''
  #usedAt = 0

  constructor (index: number, decoder: Pick<Decoder, 'forget'>) {
    this.index = index
    this.#decoder = decoder
  }

  /** Where the sequence goes on. */
  get position (): number {
    return this.#held.length
  }

  /** KV cells in use. */
  get cells (): number {
    let cells = this.#held.length
    for (const { tokens, span } of this.#images.values()) cells += tokens - span
    return cells
  }

  /** Tokens that must be evaluated, more or less than for another slot, if this one is taken now: for this prompt, and later for the conversation that it loses. */
  costOf (prompt: Prompt, now: number): number {
    const { cells } = this.match(prompt)
    const chance = 0.5 ** ((now - this.#usedAt) / HALF_LIFE_MS)
    return (this.cells - cells) * chance - cells
  }

  /** The longest beginning of the prompt that this slot holds. */
  match ({ scope, segments, imageKeys }: Prompt): Reuse {
    const reuse: Reuse = { position: 0, cells: 0, rest: segments }
    const last = segments.length - 1
    if (scope !== this.#scope) return reuse

    const held = this.#held
    for (const [index, segment] of segments.entries()) {
      if (segment.type === 'image') {
        const image = this.#images.get(reuse.position)
        if (image?.key !== imageKeys[segment.image]) break
        reuse.position += image!.span
        reuse.cells += image!.tokens
        reuse.rest = segments.slice(index + 1)
        continue
      }
      // The last token of all is evaluated in any case: what follows it is asked for.
      const most = segment.tokens.length - (index === last ? 1 : 0)
      let same = 0
      while (same < most && segment.tokens[same] === held[reuse.position + same]) same++
      reuse.position += same
      reuse.cells += same
      const beyond = segments.slice(index + 1)
      reuse.rest = same < segment.tokens.length
        ? [{ type: 'text', tokens: segment.tokens.slice(same) }, ...beyond]
        : beyond
      if (same < segment.tokens.length) break
    }
    return reuse
  }

  /**
   * Makes the slot hold what of the prompt it can go on from, and nothing else.
   * @returns that; nothing where the model cannot forget the end of a conversation
   */
  async goOn (prompt: Prompt): Promise<Reuse> {
    const reuse = this.match(prompt)
    this.#scope = prompt.scope
    if (reuse.position > 0 && await this.#decoder.forget(this.index, reuse.position)) {
      this.#held.length = reuse.position
      for (const position of this.#images.keys()) {
        if (position >= reuse.position) this.#images.delete(position)
      }
      return reuse
    }
    await this.reset()
    return { position: 0, cells: 0, rest: prompt.segments }
  }

  /** Enters text that was evaluated. */
  addText (tokens: number[]): void {
    for (const token of tokens) this.#held.push(token)
  }

  /** Enters an image when all of it is decoded. */
  addImage (key: string, { tokens, span }: EncodedImage): void {
    this.#images.set(this.position, { key, tokens, span })
    for (let i = 0; i < span; i++) this.#held.push(IMAGE)
  }

  /** Its answer has ended. */
  rest (now: number): void {
    this.#usedAt = now
  }

  async reset (): Promise<void> {
    this.#images.clear()
    this.#held = []
    await this.#decoder.forget(this.index, 0)
  }
}

/**
 * Slots between answers. What they hold stays, and a prompt goes to the slot where the least is lost: the tokens that must be
 * evaluated now, and those that would be thrown away, by the chance that somebody goes on from them.
 */
export class SlotPool {
  /** The one used last comes last. */
  #idle: Slot[]
  #waiting = new Set<(slot: Slot) => void>()

  constructor (slots: Slot[]) {
    this.#idle = [...slots]
  }

  /**
   * Waits, if it must, until a slot is idle, first come first served.
   * @throws the reason of `signal`
   */
  async take (prompt: Prompt, signal: AbortSignal): Promise<Slot> {
    signal.throwIfAborted()
    if (this.#idle.length === 0) return await this.#wait(signal)
    const now = performance.now()
    const costs = this.#idle.map(slot => slot.costOf(prompt, now))
    const [slot] = this.#idle.splice(costs.indexOf(Math.min(...costs)), 1)
    return slot!
  }

  giveBack (slot: Slot): void {
    slot.rest(performance.now())
    const [next] = this.#waiting
    if (next) next(slot)
    else this.#idle.push(slot)
  }

  #wait (signal: AbortSignal): Promise<Slot> {
    return new Promise((resolve, reject) => {
      const receive = (slot: Slot) => {
        leave()
        resolve(slot)
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
