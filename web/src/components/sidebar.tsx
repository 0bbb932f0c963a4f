import { signal } from '@preact/signals'
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import { t } from '../i18n/index.ts'
import { conversations, startConversation } from '../state/conversations.ts'
import { exportEverything } from './export.ts'
import { focusQuestion } from './focus-question.ts'
import { Icon, IconButton } from './icon.tsx'
import { ImportButton } from './import-button.tsx'
import { isOnBackdrop } from './modal.tsx'
import { Notice } from './notices.tsx'
import { openSettings } from './settings-dialog.tsx'
import { SidebarList } from './sidebar-list.tsx'
import { SidebarSearch } from './sidebar-search.tsx'
import '../styles/sidebar.css'

const narrow = matchMedia('(max-width: 799.98px)')
const isNarrow = signal(narrow.matches)
narrow.addEventListener('change', () => { isNarrow.value = narrow.matches })

export interface SidebarProps { isOpen: boolean, onClose: () => void }

/** The conversations that are kept: a column beside the page, on narrow screens a drawer over it. */
export function Sidebar ({ isOpen, onClose }: SidebarProps) {
  // A column that has become a drawer would cover everything.
  const wasNarrow = useRef(isNarrow.value)
  useEffect(() => {
    if (isNarrow.value && !wasNarrow.current && isOpen) onClose()
    wasNarrow.current = isNarrow.value
  }, [isNarrow.value])

  if (isNarrow.value) return <Drawer isOpen={isOpen && wasNarrow.current} onClose={onClose} />
  return (
    <aside id='sidebar' class='sidebar sidebar-column' aria-label={t('app.conversations')} hidden={!isOpen}>
      {isOpen && <Content />}
    </aside>
  )
}

function Drawer ({ isOpen, onClose }: SidebarProps) {
  const dialog = useRef<HTMLDialogElement>(null)
  useLayoutEffect(() => {
    if (isOpen && !dialog.current?.open) dialog.current?.showModal()
    else if (!isOpen) dialog.current?.close()
  }, [isOpen])
  return (
    <dialog
      ref={dialog} id='sidebar' class='sidebar sidebar-drawer' aria-label={t('app.conversations')} onClose={onClose}
      onPointerDown={event => { if (isOnBackdrop(event)) onClose() }}
    >
      {isOpen && <Content onClose={onClose} />}
    </dialog>
  )
}

/** @param onClose where it covers the page, which is wanted after each choice */
function Content ({ onClose }: { onClose?: () => void }) {
  return (
    <>
      <div class='sidebar-head'>
        <button
          type='button' class='button sidebar-new' onClick={() => {
            startConversation()
            // A drawer gives the focus back to what opened it, which brings up no keyboard on a phone.
            if (onClose) onClose()
            else focusQuestion()
          }}
        >
          <Icon name='plus' />
          {t('app.newConversation')}
        </button>
        {onClose && <IconButton icon='close' label={t('app.closeList')} onClick={onClose} />}
      </div>
      <SidebarSearch />
      <SidebarList onOpen={onClose} />
      <Foot />
      {onClose && <div class='sidebar-notice'><Notice /></div>}
    </>
  )
}

function Foot () {
  return (
    <div class='sidebar-foot'>
      <button type='button' class='sidebar-action' disabled={conversations.value.length === 0} onClick={() => { void exportEverything() }}>
        <Icon name='download' />
        {t('list.exportAll')}
      </button>
      <ImportButton class='sidebar-action' />
      <button type='button' class='sidebar-action' onClick={openSettings}>
        <Icon name='settings' />
        {t('app.settings')}
      </button>
      <p class='sidebar-kept'>{t('list.kept')}</p>
    </div>
  )
}
