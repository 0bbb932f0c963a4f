import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import { t } from '../i18n/index.ts'
import { haveThoughts } from '../model/thoughts.ts'
import { findConversation, removeConversation } from '../state/conversations.ts'
import { withThoughts } from '../state/exporting.ts'
import { exportJson, exportMarkdown } from './export.ts'
import { Icon, type IconName } from './icon.tsx'
import { moveFocus, stepOf } from './move-focus.ts'

/** The conversation that the menu acts on, and the button that opened it. */
export interface MenuTarget { id: string, anchor: HTMLElement }

export interface SidebarMenuProps {
  target: MenuTarget | null
  onClose: () => void
  /** Called after the conversation and its button were removed. */
  onRemoved: () => void
}

const MARGIN_PX = 8
const ITEMS = '[role=menuitem], [role=menuitemcheckbox]'

/** The menu of a conversation. It is a popover, so the browser closes it on Escape and on a click elsewhere. */
export function SidebarMenu ({ target, onClose, onRemoved }: SidebarMenuProps) {
  const menu = useRef<HTMLDivElement>(null)
  useLayoutEffect(() => {
    const element = menu.current
    if (!element) return
    if (target === null) return element.hidePopover()
    element.showPopover()
    placeBelow(element, target.anchor)
    element.querySelector<HTMLElement>(ITEMS)?.focus()
  }, [target])
  useEffect(() => {
    target?.anchor.setAttribute('aria-expanded', 'true')
    return () => target?.anchor.setAttribute('aria-expanded', 'false')
  }, [target])

  function choose (action: () => void): void {
    target?.anchor.focus()
    onClose()
    action()
  }

  function onKeyDown (event: KeyboardEvent): void {
    const step = stepOf(event.key)
    if (event.key === 'Tab') {
      event.preventDefault()
      choose(() => {})
    } else if (step !== null && menu.current) {
      event.preventDefault()
      event.stopPropagation()
      moveFocus(menu.current.querySelectorAll<HTMLElement>(ITEMS), step)
    }
  }

  const conversation = target ? findConversation(target.id) : undefined
  const title = conversation?.title || t('list.untitled')
  return (
    <div
      ref={menu} popover='auto' role='menu' class='sidebar-menu' aria-label={t('list.actions', { title })}
      onKeyDown={onKeyDown} onToggle={event => { if (event.newState === 'closed') onClose() }}
    >
      <MenuItem
        icon='download' label={t('list.exportMarkdown')}
        onClick={() => choose(() => { if (conversation) void exportMarkdown(conversation) })}
      />
      <MenuItem
        icon='braces' label={t('list.exportJson')}
        onClick={() => choose(() => { if (conversation) void exportJson(conversation) })}
      />
      {conversation && haveThoughts([conversation]) && (
        <MenuItem
          icon={withThoughts.value ? 'checked' : 'unchecked'} label={t('list.withThoughts')}
          checked={withThoughts.value} onClick={() => { withThoughts.value = !withThoughts.value }}
        />
      )}
      <MenuItem
        icon='trash' label={t('list.delete', { title })} onClick={() => choose(() => {
          if (!conversation) return
          removeConversation(conversation.id)
          requestAnimationFrame(onRemoved)
        })}
      />
    </div>
  )
}

interface MenuItemProps {
  icon: IconName
  label: string
  /** Undefined for an action. */
  checked?: boolean
  onClick: () => void
}

function MenuItem ({ icon, label, checked, onClick }: MenuItemProps) {
  return (
    <button
      type='button' role={checked === undefined ? 'menuitem' : 'menuitemcheckbox'} aria-checked={checked} tabIndex={-1}
      class='sidebar-item' data-kind={icon} onClick={onClick}
    >
      <Icon name={icon} />
      <span>{label}</span>
    </button>
  )
}

/** Places an element below its button, or above it when there is no room. */
function placeBelow (element: HTMLElement, anchor: HTMLElement): void {
  const { bottom, top, right } = anchor.getBoundingClientRect()
  const { offsetWidth, offsetHeight } = element
  const left = Math.max(MARGIN_PX, Math.min(right - offsetWidth + 120, innerWidth - offsetWidth - MARGIN_PX))
  const below = bottom + MARGIN_PX / 2
  const hasRoomBelow = below + offsetHeight + MARGIN_PX < innerHeight
  const y = hasRoomBelow ? below : Math.max(MARGIN_PX, top - offsetHeight - MARGIN_PX / 2)
  element.style.left = `${left}px`
  element.style.top = `${y}px`
}
