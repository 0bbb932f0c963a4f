import { pointed } from '../state/pointed.ts'
import '../styles/text-mark.css'
import type { Marker } from '../text/marks.ts'

export interface MarkedTextProps { text: string, marker: Marker | null }

/** A text in which what names a box or point is tied to it. */
export function MarkedText ({ text, marker }: MarkedTextProps) {
  if (marker === null) return <>{text}</>
  return <>{marker(text).map((piece, i) => typeof piece === 'string' ? piece : <TextMark key={i} markKey={piece.key}>{piece.text}</TextMark>)}</>
}

export function TextMark ({ markKey, children }: { markKey: string, children: string }) {
  const point = () => { pointed.value = markKey }
  const leave = () => { if (pointed.value === markKey) pointed.value = null }
  return (
    <mark
      class={`text-mark ${pointed.value === markKey ? 'pointed' : ''}`} data-mark={markKey} tabIndex={0}
      onPointerEnter={point} onPointerLeave={leave} onFocus={point} onBlur={leave}
    >
      {children}
    </mark>
  )
}
