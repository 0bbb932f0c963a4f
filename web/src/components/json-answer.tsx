import { signal } from '@preact/signals'
import { useId, useMemo } from 'preact/hooks'
import { t, type Key } from '../i18n/index.ts'
import { markedPaths, pretty, readJson, tablesOf } from '../model/json-view.ts'
import '../styles/json-answer.css'
import type { TextMark } from '../text/marks.ts'
import { CodeBlock } from './code-block.tsx'
import { JsonTables } from './json-table.tsx'
import { JsonTree } from './json-tree.tsx'

type View = 'tree' | 'table' | 'source'

const NAMES: Record<View, Key> = { tree: 'json.tree', table: 'json.table', source: 'json.source' }
/** The last chosen view, used for all answers that support it. */
const chosen = signal<View>('table')

export interface JsonAnswerProps {
  text: string
  isRunning: boolean
  marks: readonly TextMark[]
}

/**
 * An answer in JSON. Shows its source while it is running, then a tree, or tables when it contains lists of objects.
 */
export function JsonAnswer ({ text, isRunning, marks }: JsonAnswerProps) {
  const json = useMemo(() => isRunning ? null : readJson(text), [text, isRunning])
  if (text.trim() === '') return null
  if (json !== null) return <Views value={json.value} marks={marks} />
  return (
    <div class='json-answer'>
      <Source text={text} />
      {!isRunning && <p class='json-invalid'>{t('json.invalid')}</p>}
    </div>
  )
}

function Views ({ value, marks }: { value: unknown, marks: readonly TextMark[] }) {
  const tables = useMemo(() => tablesOf(value), [value])
  const keys = useMemo(() => markedPaths(value, marks), [value, JSON.stringify(marks)])
  const views: View[] = tables.length > 0 ? ['tree', 'table', 'source'] : ['tree', 'source']
  const view = views.includes(chosen.value) ? chosen.value : 'tree'
  return (
    <div class='json-answer'>
      <ViewPicker views={views} view={view} />
      {view === 'tree' && <JsonTree value={value} keys={keys} />}
      {view === 'table' && <JsonTables tables={tables} keys={keys} />}
      {view === 'source' && <Source text={pretty(value)} />}
    </div>
  )
}

function ViewPicker ({ views, view }: { views: readonly View[], view: View }) {
  const name = useId()
  return (
    <fieldset class='json-views'>
      <legend class='visually-hidden'>{t('json.view')}</legend>
      {views.map(id => (
        <label key={id}>
          <input
            type='radio' class='visually-hidden' name={name} checked={id === view}
            onChange={() => { chosen.value = id }}
          />
          <span>{t(NAMES[id])}</span>
        </label>
      ))}
    </fieldset>
  )
}

function Source ({ text }: { text: string }) {
  return <div class='json-source'><CodeBlock code={text} language='json' /></div>
}
