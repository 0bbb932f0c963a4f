import { useSignal } from '@preact/signals'
import { t } from '../i18n/index.ts'
import { conversations, removeEverything } from '../state/conversations.ts'
import { ConfirmDialog } from './confirm-dialog.tsx'
import { exportEverything } from './export.ts'
import { Icon } from './icon.tsx'
import { ImportButton } from './import-button.tsx'
import { ThoughtsChoice } from './thoughts-choice.tsx'

export function DataSettings () {
  const isAsking = useSignal(false)
  const count = conversations.value.length
  return (
    <fieldset class='settings-group'>
      <legend>{t('settings.data')}</legend>
      <p class='settings-kept'>{t('list.kept')}</p>
      <div class='settings-buttons'>
        <button type='button' class='button' disabled={count === 0} onClick={() => { void exportEverything() }}>
          <Icon name='download' />
          {t('list.exportAll')}
        </button>
        <ImportButton />
        <button type='button' class='button danger' disabled={count === 0} onClick={() => { isAsking.value = true }}>
          <Icon name='trash' />
          {t('list.deleteAll')}
        </button>
        <ThoughtsChoice class='settings-choice' />
      </div>
      <ConfirmDialog
        isOpen={isAsking.value} onClose={() => { isAsking.value = false }} title={t('list.deleteAll')}
        question={t('list.deleteAllSure', { count })} yes={t('list.deleteAllYes')}
        onYes={() => { void removeEverything() }}
      />
    </fieldset>
  )
}
