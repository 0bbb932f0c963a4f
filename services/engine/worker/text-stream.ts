/**
 * Turns token ids into text that can be sent: never half a character, and nothing of a stop string or what follows it.
 */
export interface TextStream {
  /** The text that became certain through this token; may be empty. */
  push (token: number): string
  /** The text that was held back, once no more tokens come. */
  end (): string
  /** True once a stop string was met; nothing comes after it. */
  readonly stopped: boolean
}

/** What a byte-level tokenizer makes of an incomplete UTF-8 sequence. */
const REPLACEMENT = '\uFFFD'
/** So long a run of tokens that all end within a character is not text: it is given as it is, so that it need not be kept. */
const MAX_PENDING_TOKENS = 64

export function createTextStream (detokenize: (tokens: number[]) => string, stop: string[]): TextStream {
  let pending: number[] = []
  /** How much of the pending tokens' text was released. */
  let released = 0
  let held = ''
  let stopped = false

  function release (text: string): string {
    held += text
    const at = firstIndexOf(held, stop)
    if (at !== -1) {
      stopped = true
      const before = held.slice(0, at)
      held = ''
      return before
    }
    const keep = longestPartial(held, stop)
    const ready = held.slice(0, held.length - keep)
    held = held.slice(held.length - keep)
    return ready
  }

  return {
    get stopped () { return stopped },
    push (token) {
      if (stopped) return ''
      pending.push(token)
      const text = detokenize(pending)
      // Only the last character can still be incomplete; tokens need not end where characters do.
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
      const text = release(pending.length > 0 ? detokenize(pending).slice(released) : '')
      pending = []
      released = 0
      if (stopped) return text
      const rest = held
      held = ''
      return text + rest
    }
  }
}

function firstIndexOf (text: string, needles: string[]): number {
  const found = needles.map(needle => text.indexOf(needle)).filter(at => at !== -1)
  return found.length > 0 ? Math.min(...found) : -1
}

/** Length of the longest end of `text` that is the beginning of a needle. */
function longestPartial (text: string, needles: string[]): number {
  let longest = 0
  for (const needle of needles) {
    for (let length = Math.min(needle.length - 1, text.length); length > longest; length--) {
      if (text.endsWith(needle.slice(0, length))) longest = length
    }
  }
  return longest
}
