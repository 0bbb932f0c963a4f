import { useSignal } from '@preact/signals'
import type { RefObject } from 'preact'
import { useLayoutEffect, useRef } from 'preact/hooks'
import { t, translate } from '../i18n/index.ts'
import { imagesOf } from '../model/conversation.ts'
import { DOCUMENT } from '../model/image-file.ts'
import { current } from '../state/conversations.ts'
import { checkedImages, moveDraftImage, removeDraftImage, type DraftImage } from '../state/draft.ts'
import { Icon, IconButton } from './icon.tsx'
import { openLightbox } from './lightbox-state.ts'
import { ImageView } from './image-view.tsx'
import { asideOf, useReorder, type Reorder } from './use-reorder.ts'
import '../styles/draft-images.css'

const REMOVE = '.draft-images-remove'
const HANDLE = '.draft-images-move'

/** The images of the draft; each can be opened, moved and removed. */
export function DraftImages () {
  const images = checkedImages.value
  return images.length > 0 ? <Strip images={images} /> : null
}

function Strip ({ images }: { images: readonly DraftImage[] }) {
  const strip = useRef<HTMLDivElement>(null)
  const reorder = useReorder(strip, moveDraftImage)
  const focusNext = useSignal<(() => Element | null | undefined) | null>(null)
  const isDragging = reorder.drag.value !== null
  const before = imagesOf(current.value.turns).length
  const shown = images.map((image, i) => ({ image, number: before + i + 1 }))

  // An element loses the focus when it is moved in the document or removed.
  useLayoutEffect(() => {
    const element = focusNext.peek()?.()
    focusNext.value = null
    if (!(element instanceof HTMLElement)) return
    element.focus()
    element.scrollIntoView({ block: 'nearest', inline: 'nearest' })
  }, [images])

  useNewInView(strip, images)

  function move (key: string, to: number): void {
    const focused = document.activeElement
    focusNext.value = () => focused
    moveDraftImage(key, to)
  }

  function remove ({ key }: DraftImage, index: number): void {
    const element = strip.current
    const field = element?.closest('form')?.querySelector('textarea')
    focusNext.value = () => element?.querySelectorAll(REMOVE)[Math.min(index, images.length - 2)]
    if (images.length === 1) field?.focus()
    removeDraftImage(key)
  }

  return (
    <div
      ref={strip} class={`draft-images ${isDragging ? 'dragging' : ''}`}
      onContextMenu={event => { if (reorder.isPressed()) event.preventDefault() }}
    >
      <ul class='draft-images-list' aria-label={t('composer.images')}>
        {shown.map(({ image, number }, index) => (
          <Thumbnail
            key={image.key} image={image} number={number} index={index} total={images.length}
            reorder={reorder} move={move}
            onOpen={() => openLightbox({ images: shown, index })} onRemove={() => remove(image, index)}
          />
        ))}
      </ul>
      <Room reorder={reorder} />
    </div>
  )
}

/** Scrolls to new images at the end of a long strip. A new image with a fault has precedence. */
function useNewInView (strip: RefObject<HTMLElement | null>, images: readonly DraftImage[]): void {
  const before = useRef<{ count: number, faulty: ReadonlySet<string> }>({ count: 0, faulty: new Set() })
  useLayoutEffect(() => {
    const { count, faulty } = before.current
    before.current = { count: images.length, faulty: new Set(images.flatMap(({ key, fault }) => fault ? [key] : [])) }
    const refused = images.findIndex(({ key, fault }) => fault && !faulty.has(key))
    const index = refused >= 0 ? refused : images.length > count ? images.length - 1 : -1
    strip.current?.querySelectorAll('li')[index]?.scrollIntoView({ block: 'nearest', inline: 'nearest' })
  }, [images])
}

/** Marks the place where the dragged image would be dropped. */
function Room ({ reorder }: { reorder: Reorder }) {
  const room = reorder.drag.value?.room
  return room ? <span class='draft-images-room' style={{ left: `${room.left}px`, width: `${room.width}px` }} /> : null
}

interface ThumbnailProps {
  image: DraftImage
  number: number
  index: number
  total: number
  reorder: Reorder
  move (key: string, to: number): void
  onOpen (): void
  onRemove (): void
}

function Thumbnail ({ image, number, index, total, reorder, move, onOpen, onRemove }: ThumbnailProps) {
  const { key, name, type, fault, isRead } = image
  const drag = reorder.drag.value
  const isDragged = drag?.key === key
  const by = drag === null ? 0 : isDragged ? drag.by : asideOf(index, drag)
  const faultId = `draft-images-fault-${key}`

  function onKeyDown (event: KeyboardEvent): void {
    const isOnHandle = (event.target as Element).closest(HANDLE) !== null
    const to = placeFor(event.key, index, total)
    if (to === null || event.ctrlKey || event.metaKey || !(isOnHandle || event.altKey)) return
    // The browser would navigate back or forward on Alt and an arrow key.
    event.preventDefault()
    move(key, to)
  }

  function onPointerDown (event: PointerEvent): void {
    const target = event.target as Element
    if (total === 1 || target.closest(REMOVE) !== null) return
    reorder.press(event, key, target.closest(HANDLE) !== null)
  }

  return (
    <li
      class={`draft-images-item ${fault ? 'faulty' : ''} ${isDragged ? 'dragged' : ''}`}
      style={{ transform: by === 0 ? '' : `translateX(${by}px)` }}
      onKeyDown={onKeyDown} onPointerDown={onPointerDown}
    >
      <button
        type='button' class='draft-images-open' title={name} aria-describedby={fault ? faultId : undefined}
        onClick={onOpen}
      >
        <span class='visually-hidden'>{t('image.enlarge', { name: t('image.named', { number, name }) })}</span>
        {/* The browser shows no PDF in an image. Once it is read, its pages take its place. */}
        {(isRead || type !== DOCUMENT) && <ImageView key={key} image={image} isSmall />}
        {!isRead && <span class='draft-images-reading'>{t('image.reading')}</span>}
      </button>
      {fault && <p id={faultId} class='draft-images-fault'><Icon name='warning' />{translate(fault)}</p>}
      {total > 1
        ? (
          <button type='button' class='draft-images-move' title={t('image.move', { name })}>
            <span>{number}</span>
            <span class='visually-hidden'>{t('image.move', { name })}</span>
          </button>
          )
        : <span class='draft-images-move' aria-hidden='true'><span>{number}</span></span>}
      <IconButton icon='close' class='draft-images-remove' label={t('image.remove', { name })} onClick={onRemove} />
    </li>
  )
}

function placeFor (key: string, index: number, total: number): number | null {
  switch (key) {
    case 'ArrowLeft': case 'ArrowUp': return index - 1
    case 'ArrowRight': case 'ArrowDown': return index + 1
    case 'Home': return 0
    case 'End': return total - 1
    default: return null
  }
}
