import { pointed } from '../state/pointed.ts'
import '../styles/text-mark.css'
import type { Marker } from '../text/marks.ts'

export interface MarkedTextProps { text: string, marker: Marker | null }

/** A text in which the names of boxes and points are linked to them. */
export function MarkedText ({ text, marker }: MarkedTextProps) {
  if (marker === null) return <>{text}</>
  return (
    <>
      {marker(text).map((piece, i) => typeof piece === 'string'
        ? piece
        : <MarkedLabel key={i} keys={piece.keys}>{piece.text}</MarkedLabel>)}
    </>
  )
}

/** A name of one or more marks. Hovering it points at the first mark. */
export function MarkedLabel ({ keys, children }: { keys: readonly string[], children: string }) {
  const [first = null] = keys
  const isPointed = pointed.value !== null && keys.includes(pointed.value)
  const point = () => { pointed.value = first }
  const leave = () => { if (pointed.value === first) pointed.value = null }
  return (
    <mark
      class={`text-mark ${isPointed ? 'pointed' : ''}`} data-mark={first} tabIndex={0}
      onPointerEnter={point} onPointerLeave={leave} onFocus={point} onBlur={leave}
    >
      {children}
    </mark>
  )
}
