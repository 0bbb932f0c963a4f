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
/** A character is complete after a few tokens; longer runs of replacement characters are what the model said. */
const MAX_HELD_TOKENS = 8

export function createTextStream (detokenize: (tokens: number[]) => string, stop: string[]): TextStream {
  let pending: number[] = []
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
      if (text.endsWith(REPLACEMENT) && pending.length < MAX_HELD_TOKENS) return ''
      pending = []
      return release(text)
    },
    end () {
      if (stopped) return ''
      const text = release(pending.length > 0 ? detokenize(pending) : '')
      pending = []
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
