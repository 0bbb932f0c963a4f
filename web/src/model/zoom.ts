/** The position of an image in its frame. Lengths are CSS pixels. */
export interface View {
  /** 1 fits the frame. */
  zoom: number
  /** The offset of the image's centre from the centre of the frame. */
  x: number
  y: number
}

export interface Size { width: number, height: number }
export interface Place { x: number, y: number }

export const FITTING: View = { zoom: 1, x: 0, y: 0 }

/** Small images are enlarged at most by this factor to fit. */
const MAX_FIT_SCALE = 4
/** The largest number of CSS pixels per image pixel. */
const MAX_SCALE = 8
const MIN_MAX_ZOOM = 4
/** The zoom of a double click when the image is already shown in its own size. */
const DOUBLE_CLICK_ZOOM = 2.5

/** CSS pixels per image pixel when the image fits the frame. */
export function fitScale (image: Size, frame: Size): number {
  return Math.min(frame.width / image.width, frame.height / image.height, MAX_FIT_SCALE)
}

function maxZoom (image: Size, frame: Size): number {
  return Math.max(MIN_MAX_ZOOM, MAX_SCALE / fitScale(image, frame))
}

/** Zooms by a factor. The place stays where it is; it is measured from the centre of the frame. */
export function zoomedAt (view: View, factor: number, at: Place, image: Size, frame: Size): View {
  const zoom = Math.max(1, Math.min(maxZoom(image, frame), view.zoom * factor))
  const by = zoom / view.zoom
  return kept({ zoom, x: at.x + (view.x - at.x) * by, y: at.y + (view.y - at.y) * by }, image, frame)
}

export function moved (view: View, by: Place, image: Size, frame: Size): View {
  return kept({ ...view, x: view.x + by.x, y: view.y + by.y }, image, frame)
}

/** Switches between the whole image and its own size. */
export function toggled (view: View, at: Place, image: Size, frame: Size): View {
  if (view.zoom > 1) return FITTING
  return zoomedAt(view, Math.max(DOUBLE_CLICK_ZOOM, 1 / fitScale(image, frame)), at, image, frame)
}

/** Limits the offset so that no edge of the image leaves a gap while the opposite edge is hidden. */
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
