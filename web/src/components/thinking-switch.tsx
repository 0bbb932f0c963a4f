import { t } from '../i18n/index.ts'
import { isThinkingOn } from '../model/thinking.ts'
import { thinkingAbility } from '../state/service.ts'
import { changeSettings, settings } from '../state/settings.ts'
import '../styles/thinking-switch.css'
import { Icon } from './icon.tsx'

/** Lets the model think before the next answers. A model that cannot choose has no switch. */
export function ThinkingSwitch () {
  const { thinking } = settings.value
  const isOn = isThinkingOn(thinking, thinkingAbility.value)
  switch (thinkingAbility.value.mode) {
    case 'never': return null
    case 'always': return (
      <p class='thinking-always' title={t('composer.thinkingAlwaysHint')}>
        <Icon name='thought' /> {t('composer.thinkingAlways')}
      </p>
    )
    case 'optional': return (
      <button
        type='button' class='button thinking-switch' aria-pressed={isOn} title={t('composer.thinkingHint')}
        onClick={() => changeSettings({ thinking: { ...thinking, isOn: !isOn } })}
      >
        <Icon name='thought' /> {t('composer.thinking')}
      </button>
    )
  }
}
