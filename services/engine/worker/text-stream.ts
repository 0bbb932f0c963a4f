/**
 * Converts token ids to text that can be sent. The text never contains a part of a character, a stop string or anything
 * after a stop string.
 */
export interface TextStream {
  /** Returns the text that is final after this token; it can be empty. */
  push (token: number): string
  /** Returns the remaining text. Must follow the last token. */
  end (): string
  /** True after a stop string. `push` and `end` then return nothing. */
  readonly stopped: boolean
}

/** A byte-level tokenizer returns this character for an incomplete UTF-8 sequence. */
const REPLACEMENT = '\uFFFD'
/** A longer run of tokens without a complete character is not text. It is released as it is, to limit memory. */
const MAX_PENDING_TOKENS = 64

export function createTextStream (detokenize: (tokens: number[]) => string, stop: string[]): TextStream {
  let pending: number[] = []
  /** Length of the pending tokens' text that is already released. */
  let released = 0
  /** Released text that can be the beginning of a stop string. */
  let withheld = ''
  let stopped = false

  function release (text: string): string {
    withheld += text
    const at = firstIndexOf(withheld, stop)
    if (at !== -1) {
      stopped = true
      const before = withheld.slice(0, at)
      withheld = ''
      return before
    }
    const keep = longestPartial(withheld, stop)
    const ready = withheld.slice(0, withheld.length - keep)
    withheld = withheld.slice(withheld.length - keep)
    return ready
  }

  return {
    get stopped () { return stopped },
    push (token) {
      if (stopped) return ''
      pending.push(token)
      const text = detokenize(pending)
      // A token can end within a character, so the last character can be incomplete.
      const incomplete = text.endsWith(REPLACEMENT) && pending.length < MAX_PENDING_TOKENS
      const certain = text.slice(released, incomplete ? -REPLACEMENT.length : undefined)
      released += certain.length
      if (!incomplete) {
        pending = []
        released = 0
      }
      return release(certain)
    },
    end () {
      if (stopped) return ''
      // The limit can end an answer within a character, which is then left out.
      const last = pending.length > 0 ? detokenize(pending).slice(released) : ''
      const text = release(last.endsWith(REPLACEMENT) ? last.slice(0, -REPLACEMENT.length) : last)
      pending = []
      released = 0
      if (stopped) return text
      const rest = withheld
      withheld = ''
      return text + rest
    }
  }
}

/** Removes the white space at both ends of a stream's text. */
export function trimmed (stream: TextStream): Pick<TextStream, 'push' | 'end'> {
  let blanks = ''
  let begun = false
  const release = (text: string): string => {
    const pending = begun ? blanks + text : (blanks + text).trimStart()
    const ready = pending.trimEnd()
    blanks = pending.slice(ready.length)
    begun ||= ready !== ''
    return ready
  }
  return { push: token => release(stream.push(token)), end: () => release(stream.end()) }
}

/** Removes the white space at the beginning of a stream's text. */
export function withoutLeadingBlanks (stream: TextStream): Pick<TextStream, 'push' | 'end'> {
  let begun = false
  const release = (text: string): string => {
    const ready = begun ? text : text.trimStart()
    begun ||= ready !== ''
    return ready
  }
  return { push: token => release(stream.push(token)), end: () => release(stream.end()) }
}

function firstIndexOf (text: string, needles: string[]): number {
  const found = needles.map(needle => text.indexOf(needle)).filter(at => at !== -1)
  return found.length > 0 ? Math.min(...found) : -1
}

/** Returns the length of the longest suffix of `text` that is a prefix of a needle. */
function longestPartial (text: string, needles: string[]): number {
  let longest = 0
  for (const needle of needles) {
    for (let length = Math.min(needle.length - 1, text.length); length > longest; length--) {
      if (text.endsWith(needle.slice(0, length))) longest = length
    }
  }
  return longest
}
