import { compact } from '../model/json-view.ts'
import { TextMark } from './text-mark.tsx'

export interface JsonValueProps {
  value: unknown
  /** Of the box or point that it names. */
  markKey?: string | undefined
  /** Around texts, to tell "1" from 1. */
  quotes?: boolean
}

/** A plain value in the colour of its type; others on one line. */
export function JsonValue ({ value, markKey, quotes = false }: JsonValueProps) {
  if (typeof value !== 'string') return <span class={`json-${typeOf(value)}`}>{compact(value)}</span>
  const words = markKey === undefined ? value : <TextMark keys={[markKey]}>{value}</TextMark>
  return <span class='json-string'>{quotes && '"'}{words}{quotes && '"'}</span>
}

function typeOf (value: unknown): string {
  return value === null ? 'null' : typeof value
}
