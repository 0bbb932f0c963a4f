import { useComputed } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { t } from '../i18n/index.ts'
import type { Size } from '../model/zoom.ts'
import type { Mark } from '../model/marks.ts'
import { pointed } from '../state/pointed.ts'
import '../styles/image-marks.css'

/** Labels of more marks than these hide the picture: only that of the pointed one is shown. */
const MAX_LABELS = 16
/** CSS pixels. */
const POINT_RADIUS = 7
/** The part of a picture in which there may be no room above. */
const TOP = 0.12
/** A dark and a light one below the coloured one: seen on every ground. */
const STROKES = ['dark', 'light', 'colour']

export interface ImageMarksProps {
  /** Of the upright original, in which the marks are counted. */
  size: Size
  marks: readonly Mark[]
  /** By keyboard too, where nothing else names the marks. */
  isFocusable?: boolean
}

/** What a mark is called. */
export function nameOf ({ label, kind, number }: Mark): string {
  return label || t(kind === 'box' ? 'boxes.box' : 'boxes.point', { number })
}

/** What points at a mark while it is pointed at or focused itself. */
export function pointingAt ({ key }: Mark) {
  const point = () => { pointed.value = key }
  const leave = () => { if (pointed.value === key) pointed.value = null }
  return { onPointerEnter: point, onPointerLeave: leave, onFocus: point, onBlur: leave }
}

/** Boxes and points over a picture that fills the same element, whatever its size there. */
export function ImageMarks ({ size: { width, height }, marks, isFocusable = false }: ImageMarksProps) {
  const isPointed = useComputed(() => marks.some(({ key }) => key === pointed.value)).value
  // What is removed under the pointer is not told that the pointer has left.
  const latest = useRef(marks)
  latest.current = marks
  useEffect(() => () => { if (latest.current.some(({ key }) => key === pointed.peek())) pointed.value = null }, [])
  // Small ones above large ones, so that each can be pointed at.
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
      class={`image-mark mark-${colour} ${pointed.value === key ? 'is-pointed' : ''}`} data-mark={key} {...pointingAt(mark)}
      {...isFocusable && { tabIndex: 0, role: 'img', 'aria-label': nameOf(mark) }}
    >
      {STROKES.map(stroke => kind === 'box'
        ? <rect key={stroke} class={stroke} x={x1} y={y1} width={x2 - x1} height={y2 - y1} />
        // A line without length is a dot as wide as its stroke, whatever the scale.
        : <path key={stroke} class={`${stroke} dot`} d={`M${x1} ${y1}h0`} />)}
    </g>
  )
}

/** The label above its mark; at the picture's edges it is pushed inside, where it must not hide a point. */
function Label ({ mark, size: { width, height } }: { mark: Mark, size: Size }) {
  const y = percent(mark.y1, height)
  const isBelow = mark.kind === 'point' && mark.y1 < TOP * height
  const place = isBelow
    ? { top: `calc(${y} + ${POINT_RADIUS + 2}px)` }
    : { height: mark.kind === 'point' ? `calc(${y} - ${POINT_RADIUS}px)` : y }
  return (
    <span class={`image-marks-label mark-${mark.colour} ${pointed.value === mark.key ? 'is-pointed' : ''}`} style={place} aria-hidden='true'>
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
