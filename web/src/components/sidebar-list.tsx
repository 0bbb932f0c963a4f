import { signal, useSignal } from '@preact/signals'
import { useRef } from 'preact/hooks'
import { t } from '../i18n/index.ts'
import type { Conversation } from '../model/conversation.ts'
import { groupByDays, type Days } from '../model/days.ts'
import { currentId, isLoaded, openConversation } from '../state/conversations.ts'
import { found, searchWords } from '../state/search.ts'
import { moveFocus, stepOf } from './move-focus.ts'
import { SidebarMenu, type MenuTarget } from './sidebar-menu.tsx'
import { SidebarRow } from './sidebar-row.tsx'

/** The row that the Tab key reaches. */
const reached = signal<string | null>(null)

/**
 * The list of conversations.
 * @param onOpen called when a conversation was opened
 */
export function SidebarList ({ onOpen }: { onOpen: (() => void) | undefined }) {
  const list = useRef<HTMLElement>(null)
  const menu = useSignal<MenuTarget | null>(null)
  const conversations = found.value
  const reachable =
    [reached.value, currentId.value].find(id => conversations.some(it => it.id === id)) ?? conversations[0]?.id

  // One listener serves all rows.
  function onClick ({ target }: MouseEvent): void {
    const button = target instanceof Element ? target.closest('button') : null
    const id = button?.closest<HTMLElement>('[data-id]')?.dataset.id
    if (!button || id === undefined) return
    if (button.matches('.sidebar-open')) {
      openConversation(id)
      onOpen?.()
    } else {
      menu.value = menu.value?.anchor === button ? null : { id, anchor: button }
    }
  }

  function onKeyDown (event: KeyboardEvent): void {
    const step = stepOf(event.key)
    if (step === null || !list.current) return
    if (moveFocus(list.current.querySelectorAll<HTMLElement>('.sidebar-open'), step)) event.preventDefault()
  }

  function onFocusIn ({ target }: FocusEvent): void {
    const id = target instanceof Element ? target.closest<HTMLElement>('[data-id]')?.dataset.id : undefined
    if (id !== undefined) reached.value = id
  }

  /** Restores the focus after a row was removed. */
  function focusRow (): void {
    const row = list.current?.querySelector<HTMLElement>('.sidebar-open[tabindex="0"]')
    const next = row ?? list.current?.parentElement?.querySelector<HTMLElement>('.sidebar-new')
    next?.focus()
  }

  return (
    <>
      <nav
        ref={list} class='sidebar-list' aria-label={t('app.conversations')} onClick={onClick} onKeyDown={onKeyDown}
        onFocusIn={onFocusIn}
      >
        {conversations.length === 0 && isLoaded.value && (
          <p class='sidebar-none'>{t(searchWords.value.length > 0 ? 'list.notFound' : 'list.none')}</p>
        )}
        {groupByDays(conversations, new Date()).map(([days, group]) => (
          <Group key={days} days={days} conversations={group} reachable={reachable} />
        ))}
      </nav>
      <SidebarMenu target={menu.value} onClose={() => { menu.value = null }} onRemoved={focusRow} />
    </>
  )
}

interface GroupProps { days: Days, conversations: readonly Conversation[], reachable: string | undefined }

function Group ({ days, conversations, reachable }: GroupProps) {
  return (
    <section aria-labelledby={`sidebar-${days}`}>
      <h2 class='sidebar-days' id={`sidebar-${days}`}>{t(`list.${days}`)}</h2>
      <ul>
        {conversations.map(it => (
          <SidebarRow
            key={it.id} conversation={it} isCurrent={it.id === currentId.value} isReachable={it.id === reachable}
            words={searchWords.value}
          />
        ))}
      </ul>
    </section>
  )
}
