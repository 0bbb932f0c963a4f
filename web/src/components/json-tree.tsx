import { useSignal } from '@preact/signals'
import type { ComponentChild } from 'preact'
import { t } from '../i18n/index.ts'
import { entriesOf, isContainer, isShort, pathTo, sizeOf, type JsonContainer } from '../model/json-view.ts'
import { JsonValue } from './json-value.tsx'
import { Some } from './some.tsx'

/** Answers with fewer values are expanded completely. In larger ones only short lists on the upper levels are. */
const SMALL = 100
const OPEN_LEVELS = 2
const SHORT_LIST = 20

interface NodeProps {
  value: unknown
  path: string
  level: number
  isSmall: boolean
  /** See `markedPaths`. */
  keys: ReadonlyMap<string, string>
}

export function JsonTree ({ value, keys }: Pick<NodeProps, 'value' | 'keys'>) {
  return (
    <div class='json-tree'>
      <Node name={null} value={value} path='' level={0} isSmall={sizeOf(value, SMALL) < SMALL} keys={keys} />
    </div>
  )
}

function Node ({ name, value, path, keys, ...rest }: NodeProps & { name: string | null }) {
  const label = name === null ? null : <><span class='json-name'>{name}</span>{': '}</>
  if (!isContainer(value) || isLine(value)) {
    return <div class='json-leaf'>{label}<JsonValue value={value} markKey={keys.get(path)} quotes /></div>
  }
  return <Branch label={label} value={value} path={path} keys={keys} {...rest} />
}

interface BranchProps extends NodeProps { label: ComponentChild, value: JsonContainer }

/** A collapsed branch renders no children, so a large answer costs only its visible part. */
function Branch ({ label, value, path, level, isSmall, keys }: BranchProps) {
  const entries = entriesOf(value)
  const isOpen = useSignal(isSmall || level === 0 || (level < OPEN_LEVELS && entries.length <= SHORT_LIST))
  return (
    <details open={isOpen.value} onToggle={event => { isOpen.value = event.currentTarget.open }}>
      <summary>{label}<span class='json-size'>{sizeText(value, entries.length)}</span></summary>
      {isOpen.value && (
        <ul>
          <Some
            of={entries} more={button => <li>{button}</li>}
            item={([name, item]) => (
              <li key={name}>
                <Node
                  name={name} value={item} path={pathTo(path, name)} level={level + 1} isSmall={isSmall} keys={keys}
                />
              </li>
            )}
          />
        </ul>
      )}
    </details>
  )
}

function sizeText (value: JsonContainer, count: number): string {
  if (Array.isArray(value)) return count === 1 ? t('json.item') : t('json.items', { count })
  return count === 1 ? t('json.key') : t('json.keys', { count })
}

/**
 * Whether a value fits on one line, such as the four numbers of a box. Objects are expanded because readers look for
 * their property names.
 */
function isLine (value: JsonContainer): boolean {
  return Array.isArray(value) ? isShort(value) : Object.keys(value).length === 0
}
