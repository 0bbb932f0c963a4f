import { signal, type ReadonlySignal, type Signal } from '@preact/signals'
import { FITTING, fitScale, moved, toggled, zoomedAt, type Place, type Size, type View } from '../model/zoom.ts'

/** The zoom state of an image. Places are measured from the centre of the frame. */
export interface Zoom {
  view: ReadonlySignal<View>
  /** The sizes of the frame and of the image; null until they are known. */
  frame: Signal<Size | null>
  size: Signal<Size | null>
  by (factor: number, at?: Place): void
  move (x: number, y: number): void
  /** Switches between the whole image and its own size. */
  toggle (at: Place): void
  fit (): void
  isZoomed (): boolean
  /** CSS pixels per image pixel; null until the sizes are known. */
  scale (): number | null
}

const MIDDLE: Place = { x: 0, y: 0 }

export function createZoom (): Zoom {
  const view = signal(FITTING)
  const frame = signal<Size | null>(null)
  const size = signal<Size | null>(null)

  function change (to: (view: View, size: Size, frame: Size) => View): void {
    if (size.value && frame.value) view.value = to(view.value, size.value, frame.value)
  }

  return {
    view,
    frame,
    size,
    by: (factor, at = MIDDLE) => change((view, size, frame) => zoomedAt(view, factor, at, size, frame)),
    move: (x, y) => change((view, size, frame) => moved(view, { x, y }, size, frame)),
    toggle: at => change((view, size, frame) => toggled(view, at, size, frame)),
    fit: () => { view.value = FITTING },
    isZoomed: () => view.value.zoom > 1,
    scale: () => size.value && frame.value && view.value.zoom * fitScale(size.value, frame.value)
  }
}
