import type { RefObject } from 'preact'
import { useEffect, useMemo } from 'preact/hooks'
import type { Place } from '../model/zoom.ts'
import type { Zoom } from './zoom.ts'

const WHEEL_SPEED = 0.002
/** What a notch of a wheel that counts in lines is, in pixels. */
const LINE = 40
/** Pixels that a finger trembles. */
const STILL = 6
const SWIPE = 60
const DOUBLE_MS = 350

export interface Gestures {
  /** A click beside the picture. */
  onGround (): void
  /** -1: to the one before. */
  onSwipe (by: 1 | -1): void
}

/** Wheel, drag, pinch and double click on the frame of a zoomed picture. */
export function useGestures (frame: RefObject<HTMLElement | null>, zoom: Zoom, gestures: Gestures) {
  // Not Preact's handler: the page must not move with the wheel, and only a listener that is not passive can say so.
  useEffect(() => {
    const element = frame.current
    if (!element) return
    const onWheel = (event: WheelEvent) => {
      event.preventDefault()
      const pixels = event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? event.deltaY : event.deltaY * LINE
      // A pinch on a touchpad comes as a wheel with small steps.
      zoom.by(Math.exp(-pixels * WHEEL_SPEED * (event.ctrlKey ? 4 : 1)), placeIn(element, event))
    }
    element.addEventListener('wheel', onWheel, { passive: false })
    return () => element.removeEventListener('wheel', onWheel)
  }, [])
  return useMemo(() => createHandlers(zoom, gestures), [gestures])
}

function createHandlers (zoom: Zoom, { onGround, onSwipe }: Gestures) {
  const pointers = new Map<number, Place>()
  let began: Place = { x: 0, y: 0 }
  let isStill = true
  let isOne = true
  let isOnGround = false
  let lastTap: Place & { at: number } | null = null

  function onPointerDown (event: PointerEvent & { currentTarget: HTMLElement }): void {
    if (event.button !== 0) return
    event.currentTarget.setPointerCapture(event.pointerId)
    const place = placeIn(event.currentTarget, event)
    if (pointers.size === 0) {
      began = place
      isStill = isOne = true
      isOnGround = event.target === event.currentTarget
    } else {
      isOne = isStill = false
    }
    pointers.set(event.pointerId, place)
  }

  function onPointerMove (event: PointerEvent & { currentTarget: HTMLElement }): void {
    if (!pointers.has(event.pointerId)) return
    const before = handOf(pointers)
    const place = placeIn(event.currentTarget, event)
    pointers.set(event.pointerId, place)
    const now = handOf(pointers)
    if (distance(place, began) > STILL) isStill = false
    if (isStill) return
    zoom.move(now.x - before.x, now.y - before.y)
    if (before.spread > 0) zoom.by(now.spread / before.spread, now)
  }

  function onPointerUp (event: PointerEvent & { currentTarget: HTMLElement }): void {
    if (!pointers.delete(event.pointerId) || pointers.size > 0 || !isOne) return
    const place = placeIn(event.currentTarget, event)
    if (isStill) tap({ ...place, at: event.timeStamp })
    else if (event.pointerType === 'touch' && !zoom.isZoomed()) swipe(place.x - began.x, place.y - began.y)
  }

  // Not by the browser's clicks: there is none for a tap that follows a stroke closely.
  function tap (now: Place & { at: number }): void {
    if (isOnGround) return
    const isSecond = lastTap !== null && now.at - lastTap.at < DOUBLE_MS && distance(now, lastTap) < 4 * STILL
    if (isSecond) zoom.toggle(now)
    lastTap = isSecond ? null : now
  }

  function swipe (x: number, y: number): void {
    if (Math.abs(x) > SWIPE && Math.abs(x) > 2 * Math.abs(y)) onSwipe(x > 0 ? -1 : 1)
  }

  function onPointerCancel (event: PointerEvent): void {
    pointers.delete(event.pointerId)
  }

  // Only now: the click would go to the page below.
  function onClick (): void {
    if (isStill && isOnGround) onGround()
  }

  return { onPointerDown, onPointerMove, onPointerUp, onPointerCancel, onClick }
}

/** The middle of all fingers, and how far two of them are apart; 0 for one. */
function handOf (pointers: ReadonlyMap<number, Place>): Place & { spread: number } {
  const [one = { x: 0, y: 0 }, two] = pointers.values()
  if (!two) return { ...one, spread: 0 }
  return { x: (one.x + two.x) / 2, y: (one.y + two.y) / 2, spread: distance(one, two) }
}

/** From the middle of an element. */
function placeIn (element: HTMLElement, { clientX, clientY }: MouseEvent): Place {
  const { left, top, width, height } = element.getBoundingClientRect()
  return { x: clientX - left - width / 2, y: clientY - top - height / 2 }
}

function distance (a: Place, b: Place): number {
  return Math.hypot(a.x - b.x, a.y - b.y)
}
