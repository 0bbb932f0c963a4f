import { t } from '../i18n/index.ts'
import { status } from '../state/service.ts'
import { Samples } from './samples.tsx'

/** The content of a conversation before its first question. */
export function Start () {
  return (
    <div class='start'>
      <h2 class='start-title'>{t('start.title')}</h2>
      <p class='start-hint'>{t('start.hint')}</p>
      <Samples />
      {status.value?.model.demo && <p class='start-demo'>{t('status.demoNotice')}</p>}
    </div>
  )
}
