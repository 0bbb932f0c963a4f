import { Marked, type Token, type Tokens } from 'marked'
import { formulaRules } from './formula-rules.ts'
import { INLINE_RULES } from './inline-rules.ts'
import { mend } from './mend.ts'

/** A part of an answer that is rendered on its own. */
export interface Block {
  token: Token
  /** Blocks with equal keys look equal. */
  key: string
  /** The heading level, 2 to 6; 0 for other blocks. */
  heading: number
}

/** Headings of answers are below the heading of the page. */
const FIRST_HEADING = 2
const LAST_HEADING = 6
/** The number of blocks at the end that may still change, including spaces. */
const CHANGING = 4
const DEEPEST = 60
const SLOW_MS = 50
const RESTS = 4

const complete = createMarked(false)
const running = createMarked(true)

/** Splits a growing text into blocks. Each answer has its own splitter. */
export type Splitter = (text: string, isRunning: boolean) => Block[]

/**
 * Creates a splitter that parses only the end of a growing text. Appended text changes the last block and at most the
 * one before it.
 */
export function createSplitter (): Splitter {
  let above: Token[] = []
  let length = 0
  let before = ''
  let blocks: Block[] = []
  let restsUntil = 0
  return (text, isRunning) => {
    if (!isRunning) return blocksOf(read(complete, text))
    const start = performance.now()
    // Parsing that was slow pauses for a while, so that the page stays responsive. The next update catches up.
    if (start < restsUntil) return blocks
    if (!text.startsWith(before)) [above, length] = [[], 0]
    const tokens = [...above, ...read(running, text.slice(length))]
    before = text
    const lasting = tokens.slice(0, -CHANGING)
    const raw = lasting.map(token => token.raw).join('')
    // `marked` replaces tabs and some other characters. Then the raw text differs and everything is parsed again.
    if (text.startsWith(raw)) [above, length] = [lasting, raw.length]
    blocks = blocksOf([...tokens.slice(0, -1), ...tokens.slice(-1).flatMap(remade)])
    const end = performance.now()
    if (end - start > SLOW_MS) restsUntil = end + RESTS * (end - start)
    return blocks
  }
}

/**
 * Parses a text. Tokens nested too deeply to be rendered, as a model that repeats itself may write, become plain text.
 */
function read (marked: Marked, text: string): Token[] {
  try {
    return marked.lexer(text).map(token => isDeep(token) ? plain(token.raw) : token)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    console.warn('Markdown is nested too deep', error)
    return [plain(text)]
  }
}

function isDeep (token: Token, level = 0): boolean {
  if (level > DEEPEST) return true
  const children: Token[] =
    token.type === 'list' ? (token as Tokens.List).items : 'tokens' in token ? token.tokens ?? [] : []
  return children.some(child => isDeep(child, level + 1))
}

function plain (raw: string): Token {
  return { type: 'text', raw, text: raw }
}

function blocksOf (tokens: readonly Token[]): Block[] {
  // A definition at the end changes the targets of links above it.
  const definitions = tokens.filter(({ type }) => type === 'def').length
  const shown = tokens.filter(({ type }) => type !== 'space' && type !== 'def')
  const headings = headingLevels(shown)
  return shown.map((token, i) => ({ token, key: `${definitions} ${token.raw}`, heading: headings[i] ?? 0 }))
}

/** Parses the last block again with its open Markdown closed, so that it already looks as it will when complete. */
function remade (last: Token): Token[] {
  const mended = mend(last)
  return mended === last.raw ? [last] : read(running, mended)
}

/** Shifts headings below the page's own and closes gaps between levels. Later headings do not change earlier levels. */
export function headingLevels (tokens: readonly Token[]): number[] {
  const above: number[] = []
  return tokens.map(token => {
    if (token.type !== 'heading') return 0
    while (above.length > 0 && above[above.length - 1]! >= token.depth) above.pop()
    above.push(token.depth)
    return Math.min(LAST_HEADING, FIRST_HEADING - 1 + above.length)
  })
}

function createMarked (isRunning: boolean): Marked {
  const marked = new Marked({ gfm: true })
  marked.use({
    // HTML in answers is shown as text.
    tokenizer: { html: () => undefined, tag: () => undefined },
    extensions: [...formulaRules(isRunning), ...INLINE_RULES]
  })
  return marked
}
