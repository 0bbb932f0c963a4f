import { Marked, type Token, type TokenizerAndRendererExtension } from 'marked'
import { formulaRules, type FormulaToken } from './formula-rules.ts'
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

const LINE_BREAK: TokenizerAndRendererExtension = {
  name: 'line-break',
  level: 'inline',
  tokenizer (text: string) {
    const found = /^<br\s*\/?>/i.exec(text)
    // The only way to a new line in a cell of a table, and models use it there.
    return found === null ? undefined : { type: 'br', raw: found[0] }
  }
}

const complete = createMarked(false)
const running = createMarked(true)

/** Splits a text that grows; one for each answer. */
export type Splitter = (text: string, isRunning: boolean) => Block[]

/** What is added to a text changes its last block, and at most the one before it; those above are not read again. */
export function createSplitter (): Splitter {
  let above: Token[] = []
  let length = 0
  let before = ''
  return (text, isRunning) => {
    if (!isRunning) return blocksOf(complete.lexer(text))
    if (!text.startsWith(before)) [above, length] = [[], 0]
    const tokens = [...above, ...running.lexer(text.slice(length))]
    before = text
    const lasting = tokens.slice(0, -CHANGING)
    const raw = lasting.map(token => token.raw).join('')
    // marked makes spaces of tabs and the like: then all is read again.
    if (text.startsWith(raw)) [above, length] = [lasting, raw.length]
    return blocksOf([...tokens.slice(0, -1), ...tokens.slice(-1).flatMap(remade)])
  }
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
  return mended === last.raw ? [last] : running.lexer(mended)
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
    extensions: [...formulaRules(isRunning), LINE_BREAK]
  })
  return marked
}
