import { compact } from '../model/json-view.ts'
import { MarkedLabel } from './text-mark.tsx'

export interface JsonValueProps {
  value: unknown
  /** The key of the box or point that the value names. */
  markKey?: string | undefined
  /** Puts quotes around strings, to distinguish "1" from 1. */
  quotes?: boolean
}

/** A plain value in the colour of its type; lists and objects on one line. */
export function JsonValue ({ value, markKey, quotes = false }: JsonValueProps) {
  if (typeof value !== 'string') return <span class={`json-${typeOf(value)}`}>{compact(value)}</span>
  const words = markKey === undefined ? value : <MarkedLabel keys={[markKey]}>{value}</MarkedLabel>
  return <span class='json-string'>{quotes && '"'}{words}{quotes && '"'}</span>
}

function typeOf (value: unknown): string {
  return value === null ? 'null' : typeof value
}
