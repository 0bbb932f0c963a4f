import { Marked, type Token, type Tokens } from 'marked'
import { formulaRules, type FormulaToken } from './formula-rules.ts'
import { INLINE_RULES } from './inline-rules.ts'
import { mend } from './mend.ts'

export type MarkdownToken = Token | FormulaToken

/** A piece of an answer that is drawn on its own. */
export interface Block {
  token: Token
  /** Equal keys look equal. */
  key: string
  /** 2 to 6; 0 for what is no heading. */
  heading: number
}

/** Answers stand below the page's own heading. */
const FIRST_HEADING = 2
const LAST_HEADING = 6
/** Blocks at the end, spaces between them included. */
const CHANGING = 4
const DEEPEST = 60
const SLOW_MS = 50
const RESTS = 4

const complete = createMarked(false)
const running = createMarked(true)

/** Splits a text that grows; one for each answer. */
export type Splitter = (text: string, isRunning: boolean) => Block[]

/** What is added to a text changes its last block, and at most the one before it; those above are not read again. */
export function createSplitter (): Splitter {
  let above: Token[] = []
  let length = 0
  let before = ''
  let blocks: Block[] = []
  let restsUntil = 0
  return (text, isRunning) => {
    if (!isRunning) return blocksOf(read(complete, text))
    const start = performance.now()
    // What is slow to read is read less often, so that the page stays quick; the next words bring it up to date.
    if (start < restsUntil) return blocks
    if (!text.startsWith(before)) [above, length] = [[], 0]
    const tokens = [...above, ...read(running, text.slice(length))]
    before = text
    const lasting = tokens.slice(0, -CHANGING)
    const raw = lasting.map(token => token.raw).join('')
    // marked makes spaces of tabs and the like: then all is read again.
    if (text.startsWith(raw)) [above, length] = [lasting, raw.length]
    blocks = blocksOf([...tokens.slice(0, -1), ...tokens.slice(-1).flatMap(remade)])
    const end = performance.now()
    if (end - start > SLOW_MS) restsUntil = end + RESTS * (end - start)
    return blocks
  }
}

/** A model that repeats itself nests what nobody reads, deeper than can be drawn: that is shown as it is. */
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
  // A definition at the end changes what links above it lead to.
  const definitions = tokens.filter(({ type }) => type === 'def').length
  const shown = tokens.filter(({ type }) => type !== 'space' && type !== 'def')
  const headings = headingLevels(shown)
  return shown.map((token, i) => ({ token, key: `${definitions} ${token.raw}`, heading: headings[i] ?? 0 }))
}

/** While more is to come, what is unfinished at the end looks as it will when it is finished. */
function remade (last: Token): Token[] {
  const mended = mend(last)
  return mended === last.raw ? [last] : read(running, mended)
}

/** Demoted, and without a gap on the way down; what comes later changes none of them. */
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
    // Models talk about HTML; they are not to write the page.
    tokenizer: { html: () => undefined, tag: () => undefined },
    extensions: [...formulaRules(isRunning), ...INLINE_RULES]
  })
  return marked
}
