import { useComputed } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { t } from '../i18n/index.ts'
import type { Size } from '../model/zoom.ts'
import type { Mark } from '../model/marks.ts'
import { pointed } from '../state/pointed.ts'
import '../styles/image-marks.css'

/** With more marks than this, labels would hide the image, so only the label of the pointed mark is shown. */
const MAX_LABELS = 16
/** CSS pixels. */
const POINT_RADIUS = 7
/** The share of the height at the top of an image where a label may not fit above its mark. */
const TOP = 0.12
/** A dark and a light stroke below the coloured one keep it visible on any background. */
const STROKES = ['dark', 'light', 'colour']

export interface ImageMarksProps {
  /** The size of the original image, whose pixels are the unit of the marks. */
  size: Size
  marks: readonly Mark[]
  /** Whether the keyboard reaches the marks. Not needed if a list next to the image names them. */
  isFocusable?: boolean
}

/** The label of a mark, or a default name. */
export function nameOf ({ label, kind, number }: Mark): string {
  return label || t(kind === 'box' ? 'boxes.box' : 'boxes.point', { number })
}

/** Event handlers that mark an element as pointed while it is hovered or focused. */
export function pointingAt ({ key }: Mark) {
  const point = () => { pointed.value = key }
  const leave = () => { if (pointed.value === key) pointed.value = null }
  return { onPointerEnter: point, onPointerLeave: leave, onFocus: point, onBlur: leave }
}

/** Draws boxes and points over an image that fills the same element. */
export function ImageMarks ({ size: { width, height }, marks, isFocusable = false }: ImageMarksProps) {
  const isPointed = useComputed(() => marks.some(({ key }) => key === pointed.value)).value
  // An element that is removed under the pointer gets no `pointerleave`.
  const latest = useRef(marks)
  latest.current = marks
  useEffect(() => () => { if (latest.current.some(({ key }) => key === pointed.peek())) pointed.value = null }, [])
  // Small marks are drawn above large ones, so that each can be hovered.
  const drawn = [...marks].sort((a, b) => areaOf(b) - areaOf(a))
  return (
    <span class={`image-marks ${isPointed ? 'pointed' : ''} ${marks.length > MAX_LABELS ? 'crowded' : ''}`}>
      <svg viewBox={`0 0 ${width} ${height}`} preserveAspectRatio='none' aria-hidden={isFocusable ? undefined : 'true'}>
        {drawn.map(mark => <Shape key={mark.key} mark={mark} isFocusable={isFocusable} />)}
      </svg>
      {drawn.map(mark => <Label key={mark.key} mark={mark} size={{ width, height }} />)}
    </span>
  )
}

function Shape ({ mark, isFocusable }: { mark: Mark, isFocusable: boolean }) {
  const { key, kind, colour, x1, y1, x2, y2 } = mark
  return (
    <g
      class={`image-mark mark-${colour} ${pointed.value === key ? 'is-pointed' : ''}`} data-mark={key}
      {...pointingAt(mark)}
      {...isFocusable && { tabIndex: 0, role: 'img', 'aria-label': nameOf(mark) }}
    >
      {STROKES.map(stroke => kind === 'box'
        ? <rect key={stroke} class={stroke} x={x1} y={y1} width={x2 - x1} height={y2 - y1} />
        // A line without length is drawn as a dot with the diameter of its stroke at any scale.
        : <path key={stroke} class={`${stroke} dot`} d={`M${x1} ${y1}h0`} />)}
    </g>
  )
}

/** The label above its mark. At the edges of the image it is moved inside, without hiding a point. */
function Label ({ mark, size: { width, height } }: { mark: Mark, size: Size }) {
  const y = percent(mark.y1, height)
  const isBelow = mark.kind === 'point' && mark.y1 < TOP * height
  const place = isBelow
    ? { top: `calc(${y} + ${POINT_RADIUS + 2}px)` }
    : { height: mark.kind === 'point' ? `calc(${y} - ${POINT_RADIUS}px)` : y }
  return (
    <span
      class={`image-marks-label mark-${mark.colour} ${pointed.value === mark.key ? 'is-pointed' : ''}`} style={place}
      aria-hidden='true'
    >
      <span class='image-marks-indent' style={{ flexBasis: percent(mark.x1, width) }} />
      <span class='image-marks-words'>{nameOf(mark)}</span>
    </span>
  )
}

function areaOf ({ x1, y1, x2, y2 }: Mark): number {
  return (x2 - x1) * (y2 - y1)
}

function percent (part: number, whole: number): string {
  return `${100 * part / whole}%`
}
