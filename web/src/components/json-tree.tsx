import { useSignal } from '@preact/signals'
import type { ComponentChild } from 'preact'
import { t } from '../i18n/index.ts'
import { entriesOf, isContainer, isShort, pathTo, type JsonContainer } from '../model/json-view.ts'
import { JsonValue } from './json-value.tsx'
import { Some } from './some.tsx'

/** Levels that are unfolded at first, where they are short. */
const OPEN_LEVELS = 2
const SHORT_LIST = 20
const SHORT_LINE = 8

interface NodeProps {
  value: unknown
  path: string
  level: number
  /** See `markedPaths`. */
  keys: ReadonlyMap<string, string>
}

export function JsonTree ({ value, keys }: Pick<NodeProps, 'value' | 'keys'>) {
  return <div class='json-tree'><Node name={null} value={value} path='' level={0} keys={keys} /></div>
}

function Node ({ name, value, path, level, keys }: NodeProps & { name: string | null }) {
  const label = name === null ? null : <><span class='json-name'>{name}</span>{': '}</>
  if (!isContainer(value) || isShort(value, SHORT_LINE)) return <div class='json-leaf'>{label}<JsonValue value={value} markKey={keys.get(path)} quotes /></div>
  return <Branch label={label} value={value} path={path} level={level} keys={keys} />
}

/** What is folded has no elements: a large answer costs no more than what is seen of it. */
function Branch ({ label, value, path, level, keys }: NodeProps & { label: ComponentChild, value: JsonContainer }) {
  const entries = entriesOf(value)
  const isOpen = useSignal(level === 0 || (level < OPEN_LEVELS && entries.length <= SHORT_LIST))
  const size = Array.isArray(value) ? t('json.items', { count: entries.length }) : t('json.keys', { count: entries.length })
  return (
    <details open={isOpen.value} onToggle={event => { isOpen.value = event.currentTarget.open }}>
      <summary>{label}<span class='json-size'>{size}</span></summary>
      {isOpen.value && (
        <ul>
          <Some of={entries} item={([name, held]) => <li key={name}><Node name={name} value={held} path={pathTo(path, name)} level={level + 1} keys={keys} /></li>} more={button => <li>{button}</li>} />
        </ul>
      )}
    </details>
  )
}
