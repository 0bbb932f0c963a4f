/** How a picture lies in the frame that shows it. Lengths are CSS pixels. */
export interface View {
  /** 1 fits the frame. */
  zoom: number
  /** Of the picture's centre from the frame's. */
  x: number
  y: number
}

export interface Size { width: number, height: number }
export interface Place { x: number, y: number }

export const FITTING: View = { zoom: 1, x: 0, y: 0 }

/** Small pictures are not blown up beyond this to fit. */
const MAX_FIT_SCALE = 4
/** CSS pixels that a pixel of the picture may become. */
const MAX_SCALE = 8
const MIN_MAX_ZOOM = 4
/** What a double click does where the picture is shown in its own size anyway. */
const DOUBLE_CLICK_ZOOM = 2.5

/** CSS pixels per pixel of the picture where it fits. */
export function fitScale (image: Size, frame: Size): number {
  return Math.min(frame.width / image.width, frame.height / image.height, MAX_FIT_SCALE)
}

function maxZoom (image: Size, frame: Size): number {
  return Math.max(MIN_MAX_ZOOM, MAX_SCALE / fitScale(image, frame))
}

/** Larger or smaller by a factor; the place, measured from the frame's centre, stays where it is. */
export function zoomedAt (view: View, factor: number, at: Place, image: Size, frame: Size): View {
  const zoom = Math.max(1, Math.min(maxZoom(image, frame), view.zoom * factor))
  const by = zoom / view.zoom
  return kept({ zoom, x: at.x + (view.x - at.x) * by, y: at.y + (view.y - at.y) * by }, image, frame)
}

export function moved (view: View, by: Place, image: Size, frame: Size): View {
  return kept({ ...view, x: view.x + by.x, y: view.y + by.y }, image, frame)
}

/** Between the whole picture and its own size. */
export function toggled (view: View, at: Place, image: Size, frame: Size): View {
  if (view.zoom > 1) return FITTING
  return zoomedAt(view, Math.max(DOUBLE_CLICK_ZOOM, 1 / fitScale(image, frame)), at, image, frame)
}

/** No ground is shown on one side while something is hidden on the other. */
function kept ({ zoom, x, y }: View, image: Size, frame: Size): View {
  const scale = fitScale(image, frame) * zoom
  return {
    zoom, x: within(x, image.width * scale - frame.width), y: within(y, image.height * scale - frame.height)
  }
}

function within (offset: number, hidden: number): number {
  const most = Math.max(0, hidden / 2)
  return Math.max(-most, Math.min(most, offset))
}
