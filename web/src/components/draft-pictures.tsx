import { useSignal } from '@preact/signals'
import type { RefObject } from 'preact'
import { useLayoutEffect, useRef } from 'preact/hooks'
import { say, t } from '../i18n/index.ts'
import { picturesOf } from '../model/conversation.ts'
import { current } from '../state/conversations.ts'
import { checkedPictures, moveDraftPicture, removeDraftPicture, type DraftPicture } from '../state/draft.ts'
import { forgetPicture } from '../state/picture-urls.ts'
import { Icon, IconButton } from './icon.tsx'
import { openLightbox } from './lightbox-state.ts'
import { PictureImage } from './picture-image.tsx'
import { asideOf, useReorder, type Reorder } from './use-reorder.ts'
import '../styles/draft-pictures.css'

const REMOVE = '.draft-pictures-remove'

/** The pictures of the question that is being written: to look at, to reorder, to remove. */
export function DraftPictures () {
  const pictures = checkedPictures.value
  return pictures.length > 0 ? <Strip pictures={pictures} /> : null
}

function Strip ({ pictures }: { pictures: readonly DraftPicture[] }) {
  const strip = useRef<HTMLDivElement>(null)
  const reorder = useReorder(strip, moveDraftPicture)
  const focusNext = useSignal<(() => Element | null | undefined) | null>(null)
  const isDragging = reorder.drag.value !== null
  const before = picturesOf(current.value.turns).length
  const shown = pictures.map((picture, i) => ({ picture, number: before + i + 1 }))

  // Elements that are moved in the document lose the focus, those that are removed anyway.
  useLayoutEffect(() => {
    const element = focusNext.peek()?.()
    focusNext.value = null
    if (!(element instanceof HTMLElement)) return
    element.focus()
    element.scrollIntoView({ block: 'nearest', inline: 'nearest' })
  }, [pictures])

  useNewInView(strip, pictures)

  function move (key: string, to: number): void {
    const focused = document.activeElement
    focusNext.value = () => focused
    moveDraftPicture(key, to)
  }

  function remove ({ key }: DraftPicture, index: number): void {
    const element = strip.current
    const beside = element?.closest('form')?.querySelector('textarea')
    focusNext.value = () => element?.querySelectorAll(REMOVE)[Math.min(index, pictures.length - 2)]
    if (pictures.length === 1) beside?.focus()
    removeDraftPicture(key)
    forgetPicture(key)
  }

  return (
    <div
      ref={strip} class={`draft-pictures ${isDragging ? 'dragging' : ''}`}
      onContextMenu={event => { if (reorder.isPressed()) event.preventDefault() }}
    >
      <ul class='draft-pictures-list' aria-label={t('composer.pictures')}>
        {shown.map(({ picture, number }, index) => (
          <Thumbnail
            key={picture.key} picture={picture} number={number} index={index} total={pictures.length} reorder={reorder} move={move}
            onOpen={() => openLightbox({ pictures: shown, index })} onRemove={() => remove(picture, index)}
          />
        ))}
      </ul>
      <Room reorder={reorder} />
    </div>
  )
}

/** Shows what was added at the end of a long strip, and above all why it cannot be sent. */
function useNewInView (strip: RefObject<HTMLElement | null>, pictures: readonly DraftPicture[]): void {
  const before = useRef<{ count: number, faulty: ReadonlySet<string> }>({ count: 0, faulty: new Set() })
  useLayoutEffect(() => {
    const { count, faulty } = before.current
    before.current = { count: pictures.length, faulty: new Set(pictures.flatMap(({ key, fault }) => fault ? [key] : [])) }
    const refused = pictures.findIndex(({ key, fault }) => fault && !faulty.has(key))
    const index = refused >= 0 ? refused : pictures.length > count ? pictures.length - 1 : -1
    strip.current?.querySelectorAll('li')[index]?.scrollIntoView({ block: 'nearest', inline: 'nearest' })
  }, [pictures])
}

/** Where the dragged picture would be put. */
function Room ({ reorder }: { reorder: Reorder }) {
  const room = reorder.drag.value?.room
  return room ? <span class='draft-pictures-room' style={{ left: `${room.left}px`, width: `${room.width}px` }} /> : null
}

interface ThumbnailProps {
  picture: DraftPicture
  number: number
  index: number
  total: number
  reorder: Reorder
  move (key: string, to: number): void
  onOpen (): void
  onRemove (): void
}

function Thumbnail ({ picture, number, index, total, reorder, move, onOpen, onRemove }: ThumbnailProps) {
  const { key, name, fault, isRead } = picture
  const drag = reorder.drag.value
  const isDragged = drag?.key === key
  const by = drag === null ? 0 : isDragged ? drag.by : asideOf(index, drag)
  const faultId = `draft-pictures-fault-${key}`

  function onKeyDown (event: KeyboardEvent): void {
    const isOnHandle = (event.target as Element).closest('.draft-pictures-move') !== null
    const to = placeFor(event.key, index, total)
    if (to === null || event.ctrlKey || event.metaKey || !(isOnHandle || event.altKey)) return
    // Alt and an arrow would leave the page.
    event.preventDefault()
    move(key, to)
  }

  function onPointerDown (event: PointerEvent): void {
    const target = event.target as Element
    if (total > 1 && target.closest(REMOVE) === null) reorder.press(event, key, target.closest('.draft-pictures-move') !== null)
  }

  return (
    <li
      class={`draft-pictures-item ${fault ? 'faulty' : ''} ${isDragged ? 'dragged' : ''}`} style={{ transform: by === 0 ? '' : `translateX(${by}px)` }}
      onKeyDown={onKeyDown} onPointerDown={onPointerDown}
    >
      <button type='button' class='draft-pictures-open' title={name} aria-describedby={fault ? faultId : undefined} onClick={onOpen}>
        <span class='visually-hidden'>{t('picture.enlarge', { name: t('picture.named', { number, name }) })}</span>
        <PictureImage key={key} picture={picture} isSmall />
        {!isRead && <span class='draft-pictures-reading'>{t('picture.reading')}</span>}
      </button>
      {fault && <p id={faultId} class='draft-pictures-fault'><Icon name='warning' />{say(fault)}</p>}
      {total > 1
        ? (
          <button type='button' class='draft-pictures-move' title={t('picture.move', { name })}>
            <span>{number}</span>
            <span class='visually-hidden'>{t('picture.move', { name })}</span>
          </button>
          )
        : <span class='draft-pictures-move' aria-hidden='true'><span>{number}</span></span>}
      <IconButton icon='close' class='draft-pictures-remove' label={t('picture.remove', { name })} onClick={onRemove} />
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
