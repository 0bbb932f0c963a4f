import type { Token, Tokens } from 'marked'
import { closeInline } from './mend-inline.ts'

const TRAILING_SPACE = /\s*$/
/**
 * A last line that contains only markup of a list, rule, heading or fence, or that would turn the line above it into a
 * heading.
 */
const ONLY_MARKUP = /(^|\n)[ \t>]*(?:[-+*=_#>|~`$!]+|\d{1,3}[.)]?)?[ \t]*$/
const HALF_FENCE = /\n[ \t]*(?:`{1,2}|~{1,2})$/
const HALF_TABLE = /(^|\n)([ \t]*\|[^\n]*[^\n|\s][^\n]*)(?:\n([ \t|:-]*))?$/
const UNESCAPED_PIPE = /(?<!\\)\|/

/** The source of the last block of a running answer, with incomplete Markdown completed or removed. */
export function mend (block: Token): string {
  const { raw } = block
  const leaf = lastLeaf(block)
  if (leaf?.type === 'code') return raw.replace(HALF_FENCE, '')
  if (leaf?.type === 'formula-block' || leaf?.type === 'formula') return raw
  const table = leaf?.type === 'table' ? null : HALF_TABLE.exec(raw)
  if (table !== null) return raw.slice(0, table.index) + table[1] + wholeTable(table[2] ?? '')
  // A blank line ends the paragraph, so open delimiters stay open.
  if (/\n[ \t]*\n$/.test(raw)) return raw
  const isBareTable = leaf?.type === 'table' && (leaf as Tokens.Table).rows.length === 0
  const lasting = isBareTable ? raw : raw.replace(ONLY_MARKUP, '')
  const tail = tailOf(lasting)
  return lasting.slice(0, lasting.length - tail.length) + closeInline(tail)
}

/** Completes a table after its first cell. The delimiter row, which makes it a table, would arrive last. */
function wholeTable (header: string): string {
  const line = header.replace(TRAILING_SPACE, '')
  const closed = /(?<!\\)\|$/.test(line) ? line : `${closeInline(line)} |`
  const columns = closed.split(UNESCAPED_PIPE).length - 2
  return `${closed}\n|${'---|'.repeat(columns)}`
}

/** The part in which an open delimiter may start: the last paragraph, list item or table cell. */
function tailOf (text: string): string {
  const paragraph = text.slice(text.search(/(?:^|\n[ \t]*\n)(?:(?!\n[ \t]*\n)[\s\S])*$/))
  const line = paragraph.slice(paragraph.lastIndexOf('\n') + 1)
  if (/^[ \t]*\|/.test(line)) return line.split(UNESCAPED_PIPE).at(-1) ?? ''
  // A list item is a separate paragraph; its marker is not emphasis.
  const item =
    /(?:^|\n)[ \t>]*(?:[-+*]|\d{1,9}[.)])[ \t]+(?:(?!\n[ \t>]*(?:[-+*]|\d{1,9}[.)])[ \t])[\s\S])*$/.exec(paragraph)
  return item === null ? paragraph : item[0].replace(/^\n?[ \t>]*(?:[-+*]|\d{1,9}[.)])[ \t]+/, '')
}

function lastLeaf (token: Token): Token | undefined {
  const children = token.type === 'list'
    ? (token as Tokens.List).items.at(-1)?.tokens
    : token.type === 'blockquote' ? token.tokens : undefined
  if (children === undefined) return token
  const last = children.findLast(({ type }) => type !== 'space')
  return last === undefined ? undefined : lastLeaf(last)
}
