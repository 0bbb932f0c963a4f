import { useSignal, useSignalEffect } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { Composer } from './components/composer.tsx'
import { ConversationView } from './components/conversation-view.tsx'
import { DropArea } from './components/drop-area.tsx'
import { Header } from './components/header.tsx'
import { KeyDialog } from './components/key-dialog.tsx'
import { Lightbox } from './components/lightbox.tsx'
import { Notices } from './components/notices.tsx'
import { SettingsDialog } from './components/settings-dialog.tsx'
import { Sidebar } from './components/sidebar.tsx'
import { locale, t } from './i18n/index.ts'
import { current, restoreConversations } from './state/conversations.ts'
import './styles/app.css'

const WIDE = matchMedia('(min-width: 800px)')

export function App () {
  const isListOpen = useSignal(WIDE.matches)
  useEffect(() => { void restoreConversations() }, [])
  useSignalEffect(() => { document.documentElement.lang = locale.value })
  useSignalEffect(() => { document.title = current.value.title ? `${current.value.title} · Sightline` : 'Sightline' })

  return (
    <div class='app' data-list={isListOpen.value ? 'open' : 'closed'}>
      <a class='app-skip' href='#question'>{t('app.skip')}</a>
      <Sidebar isOpen={isListOpen.value} onClose={() => { isListOpen.value = false }} />
      <main class='app-main'>
        <Header isListOpen={isListOpen.value} onToggleList={() => { isListOpen.value = !isListOpen.value }} />
        <ConversationView key={current.value.id} />
        <Composer />
      </main>
      <DropArea />
      <Lightbox />
      <SettingsDialog />
      <KeyDialog />
      <Notices />
    </div>
  )
}
