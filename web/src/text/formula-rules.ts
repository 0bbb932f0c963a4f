import type { TokenizerAndRendererExtension, TokenizerThis } from 'marked'

export interface FormulaToken {
  type: 'formula'
  raw: string
  tex: string
  isDisplay: boolean
  /** The closing delimiter has not arrived yet. */
  isOpen: boolean
}

const NO_BLANK_LINE = '(?:(?!\\n[ \\t]*\\n)[\\s\\S])'
const DISPLAY = new RegExp(`^(?:\\$\\$(${NO_BLANK_LINE}+?)\\$\\$|\\\\\\[(${NO_BLANK_LINE}+?)\\\\\\])`)
const PARENTHESES = new RegExp(`^\\\\\\((${NO_BLANK_LINE}+?)\\\\\\)`)
// As in Pandoc, there is no space inside the dollar signs and no digit after them, so "$5 and $6" are prices.
const DOLLARS = /^\$(?![\s$])((?:\\[^\n]|[^$\\\n])+?)(?<!\s)\$(?![\d$])/
const OPEN_DISPLAY = new RegExp(`^(?:\\$\\$|\\\\\\[)(${NO_BLANK_LINE}*)$`)
const OPEN_PARENTHESES = new RegExp(`^\\\\\\((${NO_BLANK_LINE}*)$`)
const START = /\$|\\[([]/
const BLOCK_START = /\n {0,3}(?:\$\$|\\\[)/
const BLOCK_INDENT = /^ {0,3}/
const BLOCK_END = /^[ \t]*(?:\n+|$)/
/** The first part of a closing delimiter. */
const HALF_END = /(?:\\|(?<!\\)\$)$/

/**
 * The formula at the start of a text.
 * @param isRunning whether a formula without an end counts
 */
export function matchFormula (text: string, isRunning: boolean): FormulaToken | undefined {
  const first = text[0]
  if (first !== '$' && first !== '\\') return
  const display = DISPLAY.exec(text)
  if (display !== null) return formula(display, true)
  const inline = PARENTHESES.exec(text) ?? DOLLARS.exec(text)
  if (inline !== null && !isProse(inline)) return formula(inline, false)
  if (!isRunning) return
  const open = OPEN_DISPLAY.exec(text)
  if (open !== null) return formula(open, true, true)
  const openInline = OPEN_PARENTHESES.exec(text)
  if (openInline !== null) return formula(openInline, false, true)
}

/** Rules of `marked` for $…$, $$…$$, \(…\) and \[…\]. */
export function formulaRules (isRunning: boolean): TokenizerAndRendererExtension[] {
  return [{
    name: 'formula-block',
    level: 'block',
    start (text: string) {
      const found = BLOCK_START.exec(text)
      return found === null ? undefined : found.index + 1
    },
    tokenizer (this: TokenizerThis, text: string) {
      const indent = BLOCK_INDENT.exec(text)?.[0] ?? ''
      const token = matchFormula(text.slice(indent.length), isRunning)
      if (!token?.isDisplay) return
      // A formula followed by text is part of a paragraph.
      const end = BLOCK_END.exec(text.slice(indent.length + token.raw.length))
      return end === null ? undefined : { ...token, raw: indent + token.raw + end[0] }
    }
  }, {
    name: 'formula',
    level: 'inline',
    start (text: string) {
      const index = text.search(START)
      return index < 0 ? undefined : index
    },
    tokenizer (this: TokenizerThis, text: string) { return matchFormula(text, isRunning) }
  }]
}

function formula (found: RegExpExecArray, isDisplay: boolean, isOpen = false): FormulaToken {
  const tex = found[1] ?? found[2] ?? ''
  return { type: 'formula', raw: found[0], tex: (isOpen ? tex.replace(HALF_END, '') : tex).trim(), isDisplay, isOpen }
}

/** Whether a match is text between two amounts, as in "from $5 to 10$". */
function isProse ([raw, tex = '']: RegExpExecArray): boolean {
  if (!raw.startsWith('$') || /[\\^_=+<>{}]/.test(tex)) return false
  return /\p{Script=Han}/u.test(tex) || /(?:^|\s)\p{L}{2,}(?:\s|$)/u.test(tex)
}
