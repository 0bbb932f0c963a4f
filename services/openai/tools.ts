import type { Tool, ToolSyntax } from '../engine/engine.ts'
import { createCallFinder, overlap, type AskedCall, type CallFinder, type End } from './call-finder.ts'

export type { AskedCall } from './call-finder.ts'

/** A part of an answer: text that belongs to no call, and calls that are complete. */
export interface AnswerPart { text: string, calls: AskedCall[] }

/**
 * Separates tool calls from text while an answer is generated. The result does not depend on the pieces in which the
 * text arrives.
 */
export interface CallReader {
  push (text: string): AnswerPart
  /**
   * Returns the rest at the end of the answer. A call of an unknown tool counts as text.
   * @param cut the answer was cut at its limit, and an incomplete call is dropped. Otherwise the model ended the
   *   answer, and an incomplete call counts as text.
   */
  end (cut: boolean): AnswerPart
}

/** The reader for answers without tools. */
export const PLAIN_READER: CallReader = { push: text => ({ text, calls: [] }), end: () => ({ text: '', calls: [] }) }

/** @param singleCall drop everything after the first call */
export function createCallReader (syntax: ToolSyntax, tools: Tool[], singleCall = false): CallReader {
  return new SeparatingReader(syntax.open, createCallFinder(syntax, tools), singleCall)
}

class SeparatingReader implements CallReader {
  /** Text that was received, but not read. */
  #held = ''
  /** What the held text begins with. `after`: the characters that end a block of calls. `over`: nothing counts. */
  #state: 'text' | 'call' | 'after' | 'over' = 'text'
  readonly #text = new TextAroundCalls()
  readonly #open: string
  readonly #finder: CallFinder
  readonly #singleCall: boolean

  constructor (open: string, finder: CallFinder, singleCall: boolean) {
    this.#open = open
    this.#finder = finder
    this.#singleCall = singleCall
  }

  push (text: string): AnswerPart {
    this.#held += text
    return this.#read('no')
  }

  end (cut: boolean): AnswerPart {
    const end = cut ? 'cut' : 'model'
    const part = this.#read(end)
    // The rest may be the beginning of a call.
    const rest = this.#take(this.#held.length)
    if (rest !== '' && end === 'model') part.text += this.#text.add(rest)
    if (rest !== '' && end === 'cut') this.#text.addCall()
    part.text += this.#text.end()
    return part
  }

  #read (end: End): AnswerPart {
    const part: AnswerPart = { text: '', calls: [] }
    let hasMore = true
    while (hasMore && this.#held !== '') {
      switch (this.#state) {
        case 'text': hasMore = this.#readText(part); break
        case 'call': hasMore = this.#readCall(part, end); break
        case 'after': hasMore = this.#readAfter(end); break
        case 'over': this.#take(this.#held.length)
      }
    }
    return part
  }

  /** Reads up to the next opening tag. Like the next two methods, it returns false if more text must arrive first. */
  #readText (part: AnswerPart): boolean {
    const start = this.#held.indexOf(this.#open)
    const length = start === -1 ? this.#held.length - overlap(this.#held, this.#open) : start
    part.text += this.#text.add(this.#take(length))
    if (start !== -1) this.#state = 'call'
    return start !== -1
  }

  #readCall (part: AnswerPart, end: End): boolean {
    const found = this.#finder.find(this.#held, end)
    if (found === 'partial') return false
    const text = this.#take(found.length)
    if (found.call === null) {
      part.text += this.#text.add(text)
      this.#state = 'text'
    } else {
      part.calls.push(found.call)
      this.#text.addCall()
      this.#state = this.#singleCall ? 'over' : 'after'
    }
    return true
  }

  #readAfter (end: End): boolean {
    const after = this.#finder.after(this.#held, end)
    if (after === 'partial') return false
    this.#take(after.length)
    this.#state = after.opened ? 'call' : 'text'
    return true
  }

  /** Removes characters from the held text. */
  #take (length: number): string {
    const taken = this.#held.slice(0, length)
    this.#held = this.#held.slice(length)
    return taken
  }
}

/**
 * The text of an answer with calls, without the line breaks that models write around calls. White space at the end of
 * the text is held back until more text follows.
 */
class TextAroundCalls {
  #blanks = ''
  #hasText = false
  #hasCalls = false

  /** Returns the text that is known to belong to the answer. */
  add (text: string): string {
    const rest = text.trimEnd()
    if (rest === '') {
      this.#blanks += text
      return ''
    }
    const known = this.#hasText || !this.#hasCalls ? this.#blanks + rest : rest.trimStart()
    this.#blanks = text.slice(rest.length)
    this.#hasText = true
    return known
  }

  /** Marks the place of a call. */
  addCall (): void {
    this.#hasCalls = true
  }

  /** Returns the white space at the end of the answer, which belongs to it only if it has no calls. */
  end (): string {
    return this.#hasCalls ? '' : this.#blanks
  }
}
