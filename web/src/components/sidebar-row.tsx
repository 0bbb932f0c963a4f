import { useComputed } from '@preact/signals'
import { t } from '../i18n/index.ts'
import type { Conversation } from '../model/conversation.ts'
import { excerptOf, piecesOf } from '../model/search.ts'
import { runs } from '../state/runs.ts'
import { Icon } from './icon.tsx'

export interface SidebarRowProps {
  conversation: Conversation
  isCurrent: boolean
  /** Whether the Tab key reaches this row. Arrow keys reach the others. */
  isReachable: boolean
  words: readonly string[]
}

export function SidebarRow ({ conversation, isCurrent, isReachable, words }: SidebarRowProps) {
  const { id } = conversation
  // A computed signal limits rendering to changes of this row; there may be many rows.
  const isRunning = useComputed(() => runs.value.has(id)).value
  const title = conversation.title || t('list.untitled')
  const excerpt = words.length > 0 ? excerptOf(conversation, words) : ''
  const tabIndex = isReachable ? 0 : -1
  return (
    <li class='sidebar-row' data-id={id} data-current={isCurrent}>
      <button
        type='button' class='sidebar-open' aria-current={isCurrent ? 'page' : undefined} tabIndex={tabIndex}
        title={title}
      >
        <span class='sidebar-title'><Marked text={title} words={words} /></span>
        {isRunning && <span class='sidebar-dot'><span class='visually-hidden'>{t('list.running')}</span></span>}
        {excerpt !== '' && <span class='sidebar-excerpt'><Marked text={excerpt} words={words} /></span>}
      </button>
      <button
        type='button' class='icon-button sidebar-more' aria-label={t('list.actions', { title })} aria-haspopup='menu'
        tabIndex={tabIndex}
      >
        <Icon name='more' />
      </button>
    </li>
  )
}

function Marked ({ text, words }: { text: string, words: readonly string[] }) {
  if (words.length === 0) return <>{text}</>
  return <>{piecesOf(text, words).map(({ text, isMatch }, i) => isMatch ? <mark key={i}>{text}</mark> : text)}</>
}
