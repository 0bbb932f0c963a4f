import { useId, useLayoutEffect, useRef } from 'preact/hooks'
import type { ComponentChildren } from 'preact'
import { t } from '../i18n/index.ts'
import { IconButton } from './icon.tsx'
import '../styles/modal.css'

export interface ModalProps {
  isOpen: boolean
  /** Called when the dialog is closed in any way. */
  onClose: () => void
  title: string
  class?: string
  children: ComponentChildren
}

/** A modal dialog with a title. Its content is rendered only while it is open. */
export function Modal ({ isOpen, onClose, title, class: classes = '', children }: ModalProps) {
  const dialog = useRef<HTMLDialogElement>(null)
  const titleId = useId()
  useLayoutEffect(() => {
    if (isOpen && !dialog.current?.open) dialog.current?.showModal()
    else if (!isOpen) dialog.current?.close()
  }, [isOpen])

  return (
    <dialog
      ref={dialog} class={`modal ${classes}`} aria-labelledby={titleId} onClose={onClose}
      onPointerDown={event => { if (isOnBackdrop(event)) onClose() }}
    >
      {isOpen && (
        <>
          <div class='modal-head'>
            <h2 id={titleId}>{title}</h2>
            <IconButton icon='close' label={t('app.close')} onClick={onClose} />
          </div>
          {children}
        </>
      )}
    </dialog>
  )
}

/** Events on the backdrop have the dialog as target but are outside its edges. */
export function isOnBackdrop ({ target, currentTarget, clientX, clientY }: PointerEvent): boolean {
  if (target !== currentTarget || !(target instanceof HTMLDialogElement)) return false
  const { left, right, top, bottom } = target.getBoundingClientRect()
  return clientX < left || clientX > right || clientY < top || clientY > bottom
}
