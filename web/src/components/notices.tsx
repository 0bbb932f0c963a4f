import { useSignal, useSignalEffect } from '@preact/signals'
import { t, translate } from '../i18n/index.ts'
import { isKept } from '../state/conversations.ts'
import { announcement, dismissNotice, notice } from '../state/notice.ts'
import { IconButton, Icon } from './icon.tsx'
import { isKeyMissing, openKeyDialog } from './key-dialog.tsx'
import '../styles/notices.css'

/** The announcement is cleared after this time, so that the same text can be announced again. */
const SAID_MS = 1_000

/** Shows messages at the edge of the page, and contains the announcements for screen readers. */
export function Notices () {
  return (
    <div class='notices'>
      <StorageBar />
      {isKeyMissing.value && (
        <div class='notices-bar'>
          <Icon name='warning' />
          <p>{t('key.title')}</p>
          <button type='button' class='button' onClick={openKeyDialog}>{t('key.enter')}</button>
        </div>
      )}
      <Notice />
      <Announcement />
    </div>
  )
}

/** The open drawer renders it too, because elements outside the drawer are unreachable. */
export function Notice () {
  const { message, undo } = notice.value ?? {}
  return (
    <div role='status'>
      {message && (
        <div class='notices-bar'>
          <p>{translate(message)}</p>
          {undo && (
            <button
              type='button' class='button' onClick={() => {
                dismissNotice()
                undo()
              }}
            >{t('app.undo')}
            </button>
          )}
          <IconButton icon='close' label={t('app.close')} onClick={dismissNotice} />
        </div>
      )}
    </div>
  )
}

function StorageBar () {
  const isRead = useSignal(false)
  return (
    <div role='status'>
      {!isKept.value && !isRead.value && (
        <div class='notices-bar' data-kind='warning'>
          <Icon name='warning' />
          <p>{t('app.storageFailed')}</p>
          <IconButton icon='close' label={t('app.close')} onClick={() => { isRead.value = true }} />
        </div>
      )}
    </div>
  )
}

function Announcement () {
  useSignalEffect(() => {
    if (announcement.value === '') return
    const timer = setTimeout(() => { announcement.value = '' }, SAID_MS)
    return () => clearTimeout(timer)
  })
  return <p class='visually-hidden' aria-live='polite'>{announcement.value}</p>
}
