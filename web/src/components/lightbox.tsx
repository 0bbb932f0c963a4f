import { useEffect, useMemo, useRef } from 'preact/hooks'
import { formatNumber, t } from '../i18n/index.ts'
import { IconButton } from './icon.tsx'
import { LightboxStage } from './lightbox-stage.tsx'
import { closeLightbox, lightbox, turnLightbox, type LightboxContent } from './lightbox-state.ts'
import { createZoom, type Zoom } from './zoom.ts'
import '../styles/lightbox.css'

export { openLightbox } from './lightbox-state.ts'

const ZOOM_STEP = 1.5
/** CSS pixels per press of an arrow key. */
const KEY_STEP = 80

/** Shows images in a full-page dialog. The app renders it once. */
export function Lightbox () {
  const dialog = useRef<HTMLDialogElement>(null)
  const content = lightbox.value
  const isOpen = content !== null
  useEffect(() => {
    if (isOpen) {
      dialog.current?.showModal()
      // Focuses the dialog instead of a button, so that screen readers announce the dialog first.
      dialog.current?.focus()
    } else {
      // Closing restores the previous focus.
      dialog.current?.close()
    }
  }, [isOpen])
  return (
    <dialog ref={dialog} class='lightbox' aria-label={t('lightbox.title')} tabIndex={-1} onClose={closeLightbox}>
      {content && <Opened content={content} />}
    </dialog>
  )
}

function Opened ({ content: { images, index } }: { content: LightboxContent }) {
  const zoom = useMemo(createZoom, [])
  const shown = images[index]!
  const isAlone = images.length === 1

  function turn (by: number): void {
    if (isAlone) return
    zoom.fit()
    turnLightbox(by)
  }

  useKeys(zoom, turn)
  return (
    <>
      <header class='lightbox-bar'>
        <p class='lightbox-title' aria-live='polite'>
          <strong>{t('image.named', { number: shown.number, name: shown.image.name })}</strong>
          <Size zoom={zoom} />
        </p>
        <ZoomButtons zoom={zoom} />
        <IconButton icon='close' label={t('app.close')} onClick={closeLightbox} />
      </header>
      <LightboxStage shown={shown} zoom={zoom} turn={turn} />
      {!isAlone && (
        <>
          <IconButton
            icon='left' class='lightbox-turn previous' label={t('lightbox.previous')} onClick={() => turn(-1)}
          />
          <IconButton icon='right' class='lightbox-turn next' label={t('lightbox.next')} onClick={() => turn(1)} />
        </>
      )}
      <p class='lightbox-help'>{t('lightbox.help')}</p>
    </>
  )
}

function Size ({ zoom }: { zoom: Zoom }) {
  const size = zoom.size.value
  return <span class='lightbox-size'>{size && `${size.width} × ${size.height}`}</span>
}

function ZoomButtons ({ zoom }: { zoom: Zoom }) {
  const scale = zoom.scale()
  // The buttons stay enabled at both ends of the range: a disabled button would lose the focus and the keyboard
  // control.
  return (
    <div class='lightbox-zoom'>
      <IconButton icon='zoomOut' label={t('lightbox.zoomOut')} onClick={() => zoom.by(1 / ZOOM_STEP)} />
      <span class='lightbox-percent'>{scale !== null && `${formatNumber(100 * scale)} %`}</span>
      <IconButton icon='zoomIn' label={t('lightbox.zoomIn')} onClick={() => zoom.by(ZOOM_STEP)} />
      <IconButton icon='fit' label={t('lightbox.fit')} onClick={() => zoom.fit()} />
    </div>
  )
}

/** Handles keys globally; while the lightbox is open, the focus cannot be outside it. */
function useKeys (zoom: Zoom, turn: (by: number) => void): void {
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      if (event.altKey || event.ctrlKey || event.metaKey) return
      const act = actionOf(event.key, zoom, turn)
      if (!act) return
      event.preventDefault()
      act()
    }
    addEventListener('keydown', onKeyDown)
    return () => removeEventListener('keydown', onKeyDown)
  }, [turn])
}

function actionOf (key: string, zoom: Zoom, turn: (by: number) => void): (() => void) | undefined {
  const isZoomed = zoom.isZoomed()
  switch (key) {
    case '+': case '=': return () => zoom.by(ZOOM_STEP)
    case '-': case '_': return () => zoom.by(1 / ZOOM_STEP)
    case '0': return zoom.fit
    case 'PageUp': return () => turn(-1)
    case 'PageDown': return () => turn(1)
    case 'ArrowLeft': return isZoomed ? () => zoom.move(KEY_STEP, 0) : () => turn(-1)
    case 'ArrowRight': return isZoomed ? () => zoom.move(-KEY_STEP, 0) : () => turn(1)
    case 'ArrowUp': return () => zoom.move(0, KEY_STEP)
    case 'ArrowDown': return () => zoom.move(0, -KEY_STEP)
  }
}
