import { useSignal } from '@preact/signals'
import { useEffect, useId, useRef } from 'preact/hooks'
import { t, translate, type Message } from '../i18n/index.ts'
import { readPageList, writePageList } from '../model/page-list.ts'
import { choosePages, roomFor, type DraftDocument } from '../state/draft-pages.ts'
import { renderPage } from '../state/documents.ts'
import { Icon } from './icon.tsx'
import { Modal } from './modal.tsx'
import { useNearness } from './use-nearness.ts'
import '../styles/page-dialog.css'

/** Longest side of a thumbnail in pixels. */
const THUMBNAIL_SIDE = 320

export interface PageDialogProps {
  /** Null while the dialog is closed. */
  document: DraftDocument | null
  onClose (): void
}

/** Asks which pages of a document the question is about. */
export function PageDialog ({ document, onClose }: PageDialogProps) {
  return (
    <Modal
      isOpen={document !== null} onClose={onClose} class='page-dialog'
      title={t('document.dialog', { file: document?.file ?? '' })}
    >
      {document && <PageChoice document={document} onClose={onClose} />}
    </Modal>
  )
}

function PageChoice ({ document, onClose }: { document: DraftDocument, onClose (): void }) {
  const { key, file, count } = document
  const id = useId()
  const text = useSignal(writePageList(document.chosen))
  const pages = readPageList(text.value)
  const fault = faultOf(pages, count, roomFor(key))
  const chosen = new Set(pages)

  function toggle (number: number): void {
    const others = [...chosen].filter(it => it !== number)
    text.value = writePageList(chosen.has(number) ? others : [...others, number].sort((a, b) => a - b))
  }

  function use (): void {
    if (fault !== null) return
    choosePages(key, pages!)
    onClose()
  }

  return (
    // The dialog is inside the form of the question, where a form must not be.
    <>
      <div class='field'>
        <label for={`${id}-pages`}>{t('document.pages', { count })}</label>
        <input
          id={`${id}-pages`} class='input' value={text.value} autocomplete='off' inputMode='text' enterKeyHint='done'
          aria-invalid={fault !== null} aria-describedby={`${id}-fault`}
          onInput={event => { text.value = event.currentTarget.value }}
          onKeyDown={event => {
            if (event.key !== 'Enter') return
            event.preventDefault()
            use()
          }}
        />
        <p id={`${id}-fault`} class={fault ? 'fault' : 'page-dialog-count'} aria-live='polite'>
          {fault ? translate(fault) : t('document.chosen', { chosen: chosen.size, limit: roomFor(key) })}
        </p>
      </div>
      <ul class='page-dialog-pages'>
        {Array.from({ length: count }, (_, index) => index + 1).map(number => (
          <PageChoiceItem
            key={number} document={key} file={file} number={number} of={count} isChosen={chosen.has(number)}
            onToggle={() => toggle(number)}
          />
        ))}
      </ul>
      <div class='modal-actions'>
        <button type='button' class='button' onClick={onClose}>{t('app.cancel')}</button>
        <button type='button' class='button primary' disabled={fault !== null} onClick={use}>
          {t('document.use')}
        </button>
      </div>
    </>
  )
}

function faultOf (pages: number[] | null, count: number, room: number): Message | null {
  if (pages === null) return { key: 'document.noList' }
  const missing = pages.find(page => page > count)
  if (missing !== undefined) return { key: 'document.missing', values: { page: missing, count } }
  return pages.length > room ? { key: 'document.tooMany', values: { count: pages.length, limit: room } } : null
}

interface PageChoiceItemProps {
  document: string
  file: string
  number: number
  of: number
  isChosen: boolean
  onToggle (): void
}

function PageChoiceItem ({ document, file, number, of, isChosen, onToggle }: PageChoiceItemProps) {
  const item = useRef<HTMLLIElement>(null)
  const isNear = useNearness(item)
  const url = useSignal<string | null>(null)
  const isUnreadable = useSignal(false)

  // A page that was scrolled away is not rendered, or the pages in sight would wait for it.
  useEffect(() => {
    if (!isNear || url.peek() !== null) return
    const left = new AbortController()
    renderPage({ document, file, number, of }, THUMBNAIL_SIDE, left.signal).then(page => {
      if (left.signal.aborted) return
      if (page?.preview) url.value = URL.createObjectURL(page.preview)
      else isUnreadable.value = true
    }, (error: unknown) => {
      if (left.signal.aborted) return
      console.warn(error)
      isUnreadable.value = true
    })
    return () => left.abort()
  }, [isNear])
  useEffect(() => () => { if (url.peek()) URL.revokeObjectURL(url.peek()!) }, [])

  return (
    <li ref={item}>
      <label class={`page-dialog-page ${isChosen ? 'chosen' : ''}`}>
        <span class='page-dialog-thumbnail'>
          {url.value && <img src={url.value} alt='' draggable={false} />}
          {isUnreadable.value && (
            <>
              <Icon name='warning' />
              <span class='visually-hidden'>{t('image.noPreview')}</span>
            </>
          )}
        </span>
        <span class='page-dialog-number'>
          <input type='checkbox' checked={isChosen} onChange={onToggle} aria-label={t('document.number', { number })} />
          <span aria-hidden='true'>{number}</span>
        </span>
      </label>
    </li>
  )
}
