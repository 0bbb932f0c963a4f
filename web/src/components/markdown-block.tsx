import type { Token, Tokens } from 'marked'
import { t } from '../i18n/index.ts'
import type { FormulaToken } from '../text/formula-rules.ts'
import type { Marker } from '../text/marks.ts'
import { CodeBlock } from './code-block.tsx'
import { Formula } from './formula.tsx'
import { Inline } from './markdown-inline.tsx'
import { ScrollArea } from './scroll-area.tsx'

export interface BlockProps {
  token: Token
  /** The heading level; 0 inside other blocks, where a heading would break the outline. */
  heading: number
  marker: Marker | null
}

export function BlockContent ({ token, heading, marker }: BlockProps) {
  switch (token.type) {
    case 'heading': return <Heading level={heading} token={token as Tokens.Heading} marker={marker} />
    case 'paragraph': return <p><Inline tokens={token.tokens} marker={marker} /></p>
    case 'list': return <List list={token as Tokens.List} marker={marker} />
    case 'table': return <Table table={token as Tokens.Table} marker={marker} />
    case 'blockquote': return <blockquote><Blocks tokens={token.tokens} marker={marker} /></blockquote>
    case 'code': return <Code token={token as Tokens.Code} />
    case 'formula': return <Formula formula={token as FormulaToken} />
    case 'hr': return <hr />
    case 'space': case 'def': case 'checkbox': return null
    default: return <Inline tokens={[token]} marker={marker} />
  }
}

function Blocks ({ tokens = [], marker }: { tokens: Token[] | undefined, marker: Marker | null }) {
  return <>{tokens.map((token, i) => <BlockContent key={i} token={token} heading={0} marker={marker} />)}</>
}

function Heading ({ level, token, marker }: { level: number, token: Tokens.Heading, marker: Marker | null }) {
  const content = <Inline tokens={token.tokens} marker={marker} />
  switch (level) {
    case 2: return <h2>{content}</h2>
    case 3: return <h3>{content}</h3>
    case 4: return <h4>{content}</h4>
    case 5: return <h5>{content}</h5>
    case 6: return <h6>{content}</h6>
    default: return <p><strong>{content}</strong></p>
  }
}

function Code ({ token: { text, lang = '' } }: { token: Tokens.Code }) {
  return <CodeBlock code={text} language={/^[^\s{:,]*/.exec(lang)?.[0] ?? ''} />
}

function List ({ list: { ordered, start, items }, marker }: { list: Tokens.List, marker: Marker | null }) {
  const content = items.map((item, i) => (
    <li key={i} class={item.task ? 'markdown-task' : undefined}>
      {item.task && <input type='checkbox' checked={item.checked} disabled aria-label={item.text} />}
      <div><Blocks tokens={item.tokens} marker={marker} /></div>
    </li>
  ))
  return ordered ? <ol start={start === '' ? 1 : start}>{content}</ol> : <ul>{content}</ul>
}

function Table ({ table: { header, rows }, marker }: { table: Tokens.Table, marker: Marker | null }) {
  return (
    <ScrollArea class='markdown-table' label={t('json.table')}>
      <table>
        <thead>
          <tr>
            {header.map((cell, i) => (
              <th key={i} scope='col' class={alignment(cell)}><Inline tokens={cell.tokens} marker={marker} /></th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, i) => (
            <tr key={i}>
              {row.map((cell, j) => (
                <td key={j} class={alignment(cell)}><Inline tokens={cell.tokens} marker={marker} /></td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </ScrollArea>
  )
}

function alignment ({ align }: Tokens.TableCell): string | undefined {
  return align === null ? undefined : `markdown-${align}`
}
