import { t } from '../i18n/index.ts'
import { Modal } from './modal.tsx'

export interface ConfirmDialogProps {
  isOpen: boolean
  title: string
  question: string
  yes: string
  onYes: () => void
  onClose: () => void
}

/** Asks for confirmation of an action that cannot be undone. */
export function ConfirmDialog ({ isOpen, title, question, yes, onYes, onClose }: ConfirmDialogProps) {
  return (
    <Modal isOpen={isOpen} onClose={onClose} title={title}>
      <p>{question}</p>
      <div class='modal-actions'>
        <button type='button' class='button' autofocus onClick={onClose}>{t('app.cancel')}</button>
        <button
          type='button' class='button danger' onClick={() => {
            onClose()
            onYes()
          }}
        >{yes}
        </button>
      </div>
    </Modal>
  )
}
