import { t } from '../i18n/index.ts'
import { isReachable, status } from '../state/service.ts'
import { IconButton } from './icon.tsx'
import { openSettings } from './settings-dialog.tsx'

/** Shows the name of the model and the state of the service. */
export function Header ({ isListOpen, onToggleList }: { isListOpen: boolean, onToggleList: () => void }) {
  return (
    <header class='header'>
      <IconButton
        icon='menu' label={t(isListOpen ? 'app.closeList' : 'app.openList')} expanded={isListOpen}
        controls='sidebar' onClick={onToggleList}
      />
      <h1 class='header-model'>{status.value?.model.name || 'Sightline'}</h1>
      {status.value?.model.demo && <span class='header-demo' title={t('status.demoNotice')}>{t('status.demo')}</span>}
      <ServiceState />
      <IconButton icon='settings' label={t('app.settings')} onClick={openSettings} />
    </header>
  )
}

function ServiceState () {
  const latest = status.value
  if (!isReachable.value) return <p class='header-state' data-state='bad'>{t('status.unreachable')}</p>
  if (latest === null) return <p class='header-state' />
  if (latest.status !== 'ready') {
    const words = latest.status === 'starting' ? t('status.loading') : t('status.notReady', { reason: latest.reason })
    return <p class='header-state' data-state='wait' title={latest.reason}>{words}</p>
  }
  const { slots: { free, total }, queue } = latest
  return (
    <p class='header-state' data-state={free > 0 ? 'good' : 'wait'}>
      <span class='header-words'>{t('status.free', { free, total })}</span>
      <span class='header-figures' aria-hidden='true'>{free}/{total}</span>
      {queue.length > 0 && <span class='header-words'>{t('status.queued', { count: queue.length })}</span>}
    </p>
  )
}
