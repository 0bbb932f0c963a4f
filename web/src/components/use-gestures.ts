import type { RefObject } from 'preact'
import { useEffect, useMemo } from 'preact/hooks'
import type { Place } from '../model/zoom.ts'
import type { Zoom } from './zoom.ts'

const WHEEL_SPEED = 0.002
/** Pixels per line, for a wheel that scrolls in lines. */
const LINE = 40
/** Movements below this many pixels do not count. */
const STILL = 6
const SWIPE = 60
const DOUBLE_MS = 350

export interface Gestures {
  /** Called for a click next to the image. */
  onGround (): void
  /** Called for a swipe; -1 moves to the previous image. */
  onSwipe (by: 1 | -1): void
}

/** Handles wheel, drag, pinch and double click on the frame of a zoomable image. */
export function useGestures (frame: RefObject<HTMLElement | null>, zoom: Zoom, gestures: Gestures) {
  // Preact's `onWheel` may be passive, and only a listener that is not passive can prevent scrolling.
  useEffect(() => {
    const element = frame.current
    if (!element) return
    const onWheel = (event: WheelEvent) => {
      event.preventDefault()
      const pixels = event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? event.deltaY : event.deltaY * LINE
      // A pinch on a touchpad arrives as wheel events with small steps and `ctrlKey`.
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

  // Pointer events are used because browsers fire no click for a tap that quickly follows a drag.
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

  // Closing earlier would send the click to the page below.
  function onClick (): void {
    if (isStill && isOnGround) onGround()
  }

  return { onPointerDown, onPointerMove, onPointerUp, onPointerCancel, onClick }
}

/** The centre of all pointers and the distance between the first two; 0 for one pointer. */
function handOf (pointers: ReadonlyMap<number, Place>): Place & { spread: number } {
  const [one = { x: 0, y: 0 }, two] = pointers.values()
  if (!two) return { ...one, spread: 0 }
  return { x: (one.x + two.x) / 2, y: (one.y + two.y) / 2, spread: distance(one, two) }
}

/** The position of an event, relative to the centre of an element. */
function placeIn (element: HTMLElement, { clientX, clientY }: MouseEvent): Place {
  const { left, top, width, height } = element.getBoundingClientRect()
  return { x: clientX - left - width / 2, y: clientY - top - height / 2 }
}

function distance (a: Place, b: Place): number {
  return Math.hypot(a.x - b.x, a.y - b.y)
}
