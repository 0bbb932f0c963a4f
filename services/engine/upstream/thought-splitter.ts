import { THOUGHT_TAGS } from '../thought-tags.ts'

const { open: OPEN, close: CLOSE } = THOUGHT_TAGS
/** The beginning of the closing tag at the end of a text. */
const PENDING_END = /<(?:\/(?:t(?:h(?:i(?:nk?)?)?)?)?)?$/

export interface SplitterOptions {
  /** The upstream has sent thoughts in a field before, so its text contains none, and tags in it are text. */
  separates: boolean
  /** Thoughts are expected: those behind an opening tag are passed on at once. */
  expected: boolean
  /** Text without an opening tag can be thoughts, because some templates write that tag. It is held back. */
  untagged: boolean
}

/** Pieces of an answer. */
export interface Pieces { thought: string, text: string }

/**
 * Separates the thoughts at the beginning of an answer from its text. Thoughts arrive in a field of their own, or in
 * the text if the server has no reasoning parser: `<think>…</think>answer`, or `…</think>answer` if the template wrote
 * the opening tag. In the second form nothing can be passed on before the closing tag.
 *
 * Thoughts that arrive in their field after text of the answer are dropped, so that thoughts come before text. Tags
 * behind the thoughts, or in the text of an upstream that separates thoughts, are text.
 */
export class ThoughtSplitter {
  readonly #expected: boolean
  readonly #untagged: boolean
  #readsTags: boolean
  #state: 'start' | 'inside' | 'held' | 'answer' = 'start'
  /** Received and not passed on. */
  #pending = ''
  #opened = false
  #closed = false
  #thoughts = false
  /** White space behind the last thought. */
  #blanks = ''
  #pieces: Pieces = { thought: '', text: '' }

  constructor ({ separates, expected, untagged }: SplitterOptions) {
    this.#readsTags = !separates
    this.#expected = expected
    this.#untagged = untagged
  }

  /** True after text of the answer was passed on. */
  get answering (): boolean { return this.#state === 'answer' }

  /** True after thoughts were passed on. */
  get thoughts (): boolean { return this.#thoughts }

  /** True if the text contained a closing tag, or an opening one where thoughts are expected. */
  get foundTags (): boolean { return this.#closed || (this.#opened && this.#expected) }

  /** True while text is held back, or thoughts in the text are not closed. */
  get undecided (): boolean { return this.#state === 'inside' || this.#state === 'held' }

  /** True while thoughts that began with the opening tag are not closed. */
  get open (): boolean { return this.#opened && this.undecided }

  /**
   * Adds a delta of the stream.
   * @param thought the part in the field for thoughts
   */
  push (thought: string, text: string): Pieces {
    this.#pieces = { thought: '', text: '' }
    if (thought !== '') this.#addThought(thought)
    if (text !== '') this.#addText(text)
    return this.#pieces
  }

  /** Ends the answer. Text that was held back is text of the answer. */
  end (): Pieces {
    this.#pieces = { thought: '', text: '' }
    if (this.#state === 'inside') this.#think(this.#pending)
    else if (this.#pending !== '' && !(this.#thoughts && this.#pending.trim() === '')) this.#answer()
    return this.#pieces
  }

  /** Ends the answer within its thoughts. Text that was held back counts as thoughts. */
  abandon (): Pieces {
    this.#pieces = { thought: '', text: '' }
    this.#think(withoutOpening(this.#pending))
    return this.#pieces
  }

  #addThought (thought: string): void {
    if (this.#state === 'answer') return
    this.#readsTags = false
    // Text arrived first, so the answer has begun.
    if (this.#pending.trim() !== '') return this.#answer()
    this.#pending = ''
    this.#state = 'start'
    this.#think(thought)
  }

  #addText (text: string): void {
    if (this.#state === 'answer') {
      this.#pieces.text += text
      return
    }
    this.#pending += text
    if (this.#state === 'start') this.#begin()
    if (this.#state === 'inside') this.#continueThoughts()
    else if (this.#state === 'held') this.#findClose(withoutOpening)
  }

  /** Finds out what the pending text is, as soon as it shows. */
  #begin (): void {
    const text = this.#pending.trimStart()
    if (text === '' || (this.#readsTags && text !== OPEN && OPEN.startsWith(text))) return
    if (this.#readsTags && text.startsWith(OPEN)) {
      this.#opened = true
      this.#state = this.#expected ? 'inside' : 'held'
      if (this.#expected) this.#pending = text.slice(OPEN.length)
    } else if (this.#readsTags && this.#untagged) {
      this.#state = 'held'
    } else {
      this.#answer()
    }
  }

  #continueThoughts (): void {
    if (this.#findClose(text => text)) return
    const ready = this.#pending.replace(PENDING_END, '')
    this.#pending = this.#pending.slice(ready.length)
    this.#think(ready)
  }

  /**
   * Looks for the closing tag, behind which the answer begins.
   * @param toThoughts returns the thoughts of the pending text in front of the tag
   */
  #findClose (toThoughts: (text: string) => string): boolean {
    const end = this.#pending.indexOf(CLOSE)
    if (end === -1) return false
    this.#think(toThoughts(this.#pending.slice(0, end)))
    this.#pending = this.#pending.slice(end + CLOSE.length)
    this.#closed = true
    this.#readsTags = false
    this.#state = 'start'
    this.#begin()
    return true
  }

  /** Passes on thoughts, without white space at both ends. */
  #think (text: string): void {
    const all = this.#thoughts ? this.#blanks + text : text.trimStart()
    const thought = all.trimEnd()
    this.#blanks = all.slice(thought.length)
    this.#thoughts ||= thought !== ''
    this.#pieces.thought += thought
  }

  /** Passes on the pending text, without white space between thoughts and answer. */
  #answer (): void {
    this.#pieces.text += this.#thoughts || this.#closed ? this.#pending.trimStart() : this.#pending
    this.#pending = ''
    this.#state = 'answer'
  }
}

function withoutOpening (text: string): string {
  const begin = text.trimStart()
  return begin.startsWith(OPEN) ? begin.slice(OPEN.length) : text
}
