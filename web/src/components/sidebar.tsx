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
import { ThoughtsChoice } from './thoughts-choice.tsx'
import '../styles/sidebar.css'

const narrow = matchMedia('(max-width: 799.98px)')
const isNarrow = signal(narrow.matches)
narrow.addEventListener('change', () => { isNarrow.value = narrow.matches })

export interface SidebarProps { isOpen: boolean, onClose: () => void }

/** The list of conversations: a column next to the page, or a drawer over it on narrow screens. */
export function Sidebar ({ isOpen, onClose }: SidebarProps) {
  // When the window becomes narrow, the column becomes a drawer that would cover the page, so it is closed.
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

/**
 * The content of the sidebar.
 * @param onClose closes the drawer; undefined for the column, which stays open
 */
function Content ({ onClose }: { onClose?: () => void }) {
  return (
    <>
      <div class='sidebar-head'>
        <button
          type='button' class='button sidebar-new' onClick={() => {
            startConversation()
            // A closing drawer returns the focus to its button, which opens no on-screen keyboard.
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
      <button
        type='button' class='sidebar-action' disabled={conversations.value.length === 0}
        onClick={() => { void exportEverything() }}
      >
        <Icon name='download' />
        {t('list.exportAll')}
      </button>
      <ThoughtsChoice class='sidebar-action sidebar-choice' />
      <ImportButton class='sidebar-action' />
      <button type='button' class='sidebar-action' onClick={openSettings}>
        <Icon name='settings' />
        {t('app.settings')}
      </button>
      <p class='sidebar-kept'>{t('list.kept')}</p>
    </div>
  )
}
