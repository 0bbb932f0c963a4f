import { useEffect, useLayoutEffect, useMemo, useRef } from 'preact/hooks'
import { closeLightbox, type LightboxImage } from './lightbox-state.ts'
import { ImageView } from './image-view.tsx'
import { ImageMarks } from './image-marks.tsx'
import { useGestures } from './use-gestures.ts'
import type { Zoom } from './zoom.ts'

/** From this scale on, pixels are drawn as sharp squares instead of being interpolated. */
const PIXELATED_FROM = 4

export interface LightboxStageProps {
  shown: LightboxImage
  zoom: Zoom
  turn (by: number): void
}

/** The image in its frame, with the marks of an answer. */
export function LightboxStage ({ shown: { image, marks = [] }, zoom, turn }: LightboxStageProps) {
  const frame = useRef<HTMLDivElement>(null)
  const gestures = useMemo(() => ({ onGround: closeLightbox, onSwipe: turn }), [])
  const handlers = useGestures(frame, zoom, gestures)
  useLayoutEffect(() => {
    const { width, height } = image
    zoom.size.value = width === null || height === null ? null : { width, height }
  }, [image])
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => {
      const { width = 0, height = 0 } = entry?.contentRect ?? {}
      zoom.frame.value = width > 0 && height > 0 ? { width, height } : null
      // Keeps the image within the resized frame.
      zoom.move(0, 0)
    })
    observer.observe(frame.current!)
    return () => observer.disconnect()
  }, [])
  const size = zoom.size.value
  const { style, isPixelated } = placeOf(zoom)

  function showFocused ({ target }: FocusEvent): void {
    if (target instanceof SVGElement && target.matches(':focus-visible')) zoom.fit()
  }

  return (
    <div ref={frame} class={`lightbox-stage ${zoom.isZoomed() ? 'zoomed' : ''}`} onFocusIn={showFocused} {...handlers}>
      <div class={`lightbox-canvas ${isPixelated ? 'pixelated' : ''}`} style={style}>
        <ImageView
          key={image.key} image={image} alt={image.name} isAlwaysNear
          // The size is known only now when the image was not decoded before.
          onSize={(width, height) => { zoom.size.value ??= { width, height } }}
        />
        {size && marks.length > 0 && <ImageMarks size={size} marks={marks} isFocusable />}
      </div>
    </div>
  )
}

/** The position as left, top, width and height. A transform would also scale the strokes and labels of the marks. */
function placeOf (zoom: Zoom): { style: Record<string, string>, isPixelated: boolean } {
  const scale = zoom.scale()
  const { view: { value: { x, y } }, frame: { value: frame }, size: { value: size } } = zoom
  if (scale === null || !frame || !size) return { style: { inset: '0' }, isPixelated: false }
  const width = size.width * scale
  const height = size.height * scale
  return {
    style: {
      left: `${(frame.width - width) / 2 + x}px`,
      top: `${(frame.height - height) / 2 + y}px`,
      width: `${width}px`,
      height: `${height}px`
    },
    isPixelated: scale >= PIXELATED_FROM
  }
}
