import type { LlamaModel, Token } from 'node-llama-cpp'

interface SpecialToken {
  token: Token
  text: string
  /** llama.cpp makes a token of this text even in plain text. */
  userDefined: boolean
  /** llama.cpp removes the white space before, or after, the token. */
  lstrip: boolean
  rstrip: boolean
}

/**
 * Tokens that are ordinary text: white space, digits and single characters. Some vocabularies list such tokens next to
 * their markup. They mean the same wherever they come from, so they are left to the tokenizer.
 */
const ORDINARY = /^(?:\s+|\p{N}+|.)$/su

/**
 * The special tokens of a vocabulary: `<|im_end|>`, `<think>`, `<tool_call>` and so on. Only the template may write
 * them. In a client's text they remain text.
 */
export class SpecialTokens {
  readonly #model: LlamaModel
  /** The longest first, as in llama.cpp. */
  readonly #specials: SpecialToken[]
  readonly #byText: Map<string, SpecialToken>
  /** Matches the first character of each occurrence of a token, also of occurrences that overlap. */
  readonly #starts: RegExp
  /** The same for the tokens that llama.cpp finds in plain text. */
  readonly #userDefinedStarts: RegExp
  /** Captures the longest token at each place. */
  readonly #occurrences: RegExp
  /** The proper beginnings and ends of the tokens' texts. */
  readonly #beginnings: ReadonlySet<string>
  readonly #ends: ReadonlySet<string>
  readonly #longest: number

  constructor (model: LlamaModel) {
    this.#model = model
    this.#specials = readSpecials(model)
    this.#byText = new Map(this.#specials.map(special => [special.text, special]))
    const texts = this.#specials.map(({ text }) => text)
    const any = alternatives(texts)
    this.#starts = new RegExp(`(?=${any}).`, 'gsu')
    this.#userDefinedStarts =
      new RegExp(`(?=${alternatives(this.#specials.filter(it => it.userDefined).map(it => it.text))}).`, 'gsu')
    this.#occurrences = new RegExp(`(?=(${any})).`, 'gsu')
    this.#beginnings = new Set(texts.flatMap(text => cutsOf(text).map(at => text.slice(0, at))))
    this.#ends = new Set(texts.flatMap(text => cutsOf(text).map(at => text.slice(at))))
    this.#longest = Math.max(0, ...texts.map(text => text.length))
  }

  /** Returns the token with this text; null if the vocabulary has none. */
  find (text: string): Token | null {
    return this.#byText.get(text)?.token ?? null
  }

  /**
   * Breaks the tokens in a client's text by a mark behind their first character, so that `split` does not find them.
   * Marks at the ends prevent tokens that begin in this text and end in the next one, or the reverse.
   */
  mask (text: string, mark: string): string {
    const core = text.trim()
    if (core === '') return text
    const from = text.indexOf(core)
    const lengths = Array.from({ length: Math.min(this.#longest - 1, core.length) }, (_, index) => index + 1)
    const before = lengths.some(length => this.#ends.has(core.slice(0, length))) ? mark : ''
    const after = lengths.some(length => this.#beginnings.has(core.slice(-length))) ? mark : ''
    const masked = core.replace(this.#starts, `$&${mark}`)
    return text.slice(0, from) + before + masked + after + text.slice(from + core.length)
  }

  /** Splits text into special tokens and the text between them, as llama.cpp does. */
  split (text: string): Array<string | Token> {
    const found = new Set<string>()
    for (const [, special] of text.matchAll(this.#occurrences)) found.add(special!)
    let pieces: Array<string | Token> = [text]
    if (found.size === 0) return pieces
    const longest = [...found]
    for (const special of this.#specials) {
      // A token that another one begins with is hidden behind it in the list of the longest.
      if (!longest.some(other => other.startsWith(special.text))) continue
      pieces = pieces.flatMap(piece => typeof piece === 'string' ? splitAt(piece, special) : [piece])
    }
    return pieces.filter(piece => piece !== '')
  }

  /**
   * Tokenizes text that contains no tokens of the template.
   * @param masked the text contained marks, so it can contain texts of special tokens
   */
  tokenize (text: string, masked: boolean): Token[] {
    if (!masked) return this.#model.tokenize(text, false)
    // Two pieces of a token's text are no longer its text.
    const tokens: Token[] = []
    let from = 0
    const add = (to: number) => {
      for (const token of this.#model.tokenize(text.slice(from, to), false)) tokens.push(token)
      from = to
    }
    for (const { index, 0: first } of text.matchAll(this.#userDefinedStarts)) add(index + first.length)
    add(text.length)
    return tokens
  }
}

function readSpecials (model: LlamaModel): SpecialToken[] {
  const texts: readonly string[] = model.fileInfo.metadata.tokenizer.ggml.tokens
  const specials: SpecialToken[] = []
  for (const token of model.iterateAllTokens()) {
    const { control, unknown, userDefined, lstrip, rstrip } = model.getTokenAttributes(token)
    const text = texts[token]!
    if ((control || unknown || userDefined) && text !== '' && !ORDINARY.test(text)) {
      specials.push({ token, text, userDefined: !control && !unknown, lstrip, rstrip })
    }
  }
  return specials.sort((a, b) => Buffer.byteLength(b.text) - Buffer.byteLength(a.text))
}

/** Returns a pattern for one of the texts; the first that matches counts. Without texts it matches nothing. */
function alternatives (texts: string[]): string {
  return texts.length === 0 ? '(?!)' : texts.map(text => text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')).join('|')
}

/** Returns the places where a text can be cut in two. */
function cutsOf (text: string): number[] {
  return Array.from({ length: text.length - 1 }, (_, index) => index + 1)
}

function splitAt (text: string, { token, text: special, lstrip, rstrip }: SpecialToken): Array<string | Token> {
  const parts = text.split(special)
  return parts.flatMap((part, index) => {
    let kept = part
    if (rstrip && index > 0) kept = kept.replace(/^[ \t\n\v\f\r]+/, '')
    if (lstrip && index < parts.length - 1) kept = kept.replace(/[ \t\n\v\f\r]+$/, '')
    return index === 0 ? [kept] : [token, kept]
  })
}
