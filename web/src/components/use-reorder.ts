import { signal, type ReadonlySignal } from '@preact/signals'
import type { RefObject } from 'preact'
import { useEffect, useMemo } from 'preact/hooks'

/** Movements below this many pixels are a click. */
const STILL = 6
/** A finger scrolls the strip unless it rests this long before it moves. */
const REST_MS = 350
/** The strip scrolls when the pointer is within EDGE pixels of an end, by at most SPEED pixels per frame. */
const EDGE = 48
const SPEED = 12

export interface Drag {
  key: string
  /** The horizontal offset from the item's place, in pixels. */
  by: number
  from: number
  /** The index at which it would be dropped. */
  to: number
  /** The gap at that index, which the other items make. */
  room: { left: number, width: number }
  aside: number
}

/** The offset in pixels of another item while one is dragged. */
export function asideOf (index: number, { from, to, aside }: Drag): number {
  if (index > from && index <= to) return -aside
  if (index < from && index >= to) return aside
  return 0
}

export interface Reorder {
  drag: ReadonlySignal<Drag | null>
  /**
   * Starts a drag.
   * @param isHandle whether the pressed element serves only for dragging
   */
  press (event: PointerEvent, key: string, isHandle: boolean): void
  /** Whether a finger is pressed on an item. The context menu of the browser would interrupt it. */
  isPressed (): boolean
}

/**
 * Lets users drag the items of a strip with mouse, pen and finger; Escape cancels.
 * @param strip the scrolling element; its first child is the list
 */
export function useReorder (strip: RefObject<HTMLElement | null>, move: (key: string, to: number) => void): Reorder {
  const reorder = useMemo(() => createReorder(strip, move), [])
  useEffect(() => {
    const element = strip.current
    if (!element) return
    // The listener must exist before the touch starts, otherwise it cannot prevent scrolling.
    const onTouchMove = (event: TouchEvent) => { if (reorder.drag.peek() && event.cancelable) event.preventDefault() }
    element.addEventListener('touchmove', onTouchMove, { passive: false })
    return () => {
      element.removeEventListener('touchmove', onTouchMove)
      reorder.cancel()
    }
  }, [])
  return reorder
}

function createReorder (
  stripRef: RefObject<HTMLElement | null>, move: (key: string, to: number) => void
): Reorder & { cancel (): void } {
  const drag = signal<Drag | null>(null)
  let pressed: AbortController | null = null

  function press (event: PointerEvent, key: string, isHandle: boolean): void {
    const strip = stripRef.current
    const item = (event.target as Element).closest('li')
    if (!strip || !item || event.button !== 0 || pressed) return
    const { pointerId } = event
    const controller = pressed = new AbortController()
    const { signal } = controller
    const beganAt = event.clientX + strip.scrollLeft
    let clientX = event.clientX
    const needsRest = event.pointerType === 'touch' && !isHandle
    if (needsRest) {
      const timer = setTimeout(begin, REST_MS)
      signal.addEventListener('abort', () => clearTimeout(timer))
    }

    const isMine = (other: PointerEvent) => other.pointerId === pointerId
    addEventListener('pointermove', other => {
      if (!isMine(other)) return
      clientX = other.clientX
      if (drag.value) follow()
      else if (Math.hypot(clientX - event.clientX, other.clientY - event.clientY) > STILL) {
        needsRest ? cancel() : begin()
      }
    }, { signal })
    addEventListener('pointerup', other => {
      if (!isMine(other)) return
      const dropped = drag.value
      if (dropped) swallowClick({ isStillDown: false })
      cancel()
      if (dropped) move(key, dropped.to)
    }, { signal })
    addEventListener('pointercancel', other => { if (isMine(other)) cancel() }, { signal })
    addEventListener('keydown', other => {
      if (other.key !== 'Escape' || !drag.value) return
      // Escape cancels only the drag.
      other.preventDefault()
      other.stopImmediatePropagation()
      swallowClick({ isStillDown: true })
      cancel()
    }, { signal, capture: true })

    function begin (): void {
      item!.setPointerCapture(pointerId)
      follow()
      requestAnimationFrame(scroll)
    }

    function follow (): void {
      drag.value = { key, ...placeOf(strip!, item!, clientX + strip!.scrollLeft - beganAt) }
    }

    function scroll (): void {
      if (signal.aborted) return
      const { left, right } = strip!.getBoundingClientRect()
      const depth = Math.max(0, EDGE - (right - clientX)) - Math.max(0, EDGE - (clientX - left))
      const before = strip!.scrollLeft
      strip!.scrollLeft += SPEED * Math.max(-1, Math.min(1, depth / EDGE))
      if (strip!.scrollLeft !== before) follow()
      requestAnimationFrame(scroll)
    }
  }

  function cancel (): void {
    pressed?.abort()
    pressed = null
    drag.value = null
  }

  return { drag, press, cancel, isPressed: () => pressed !== null }
}

/**
 * Computes the position of the dragged item and its target.
 * @param by the offset in pixels; it is limited to the strip
 */
function placeOf (strip: HTMLElement, item: HTMLElement, by: number): Omit<Drag, 'key'> {
  const items = Array.from(strip.firstElementChild!.children) as HTMLElement[]
  const others = items.filter(it => it !== item)
  const from = items.indexOf(item)
  const first = items[0]!
  const last = items.at(-1)!
  const kept = Math.max(first.offsetLeft - item.offsetLeft, Math.min(endOf(last) - endOf(item), by))
  const left = item.offsetLeft + kept
  const right = endOf(item) + kept
  // An item makes room when the dragged item covers its middle.
  const to = others.filter(other => middleOf(other) < (items.indexOf(other) < from ? left : right)).length
  const { offsetWidth: width } = item
  const room = { left: to > from ? endOf(others[to - 1]!) - width : items[to]!.offsetLeft, width }
  const aside = width + (items.length > 1 ? items[1]!.offsetLeft - endOf(first) : 0)
  return { by: kept, from, to, room, aside }
}

function endOf ({ offsetLeft, offsetWidth }: HTMLElement): number {
  return offsetLeft + offsetWidth
}

function middleOf ({ offsetLeft, offsetWidth }: HTMLElement): number {
  return offsetLeft + offsetWidth / 2
}

/** Suppresses the click that follows a drag, whether the button is already released or not. */
function swallowClick ({ isStillDown }: { isStillDown: boolean }): void {
  const controller = new AbortController()
  const end = () => { setTimeout(() => controller.abort(), 0) }
  addEventListener('click', event => {
    event.preventDefault()
    event.stopImmediatePropagation()
  }, { capture: true, signal: controller.signal })
  if (isStillDown) addEventListener('pointerup', end, { once: true })
  else end()
}
