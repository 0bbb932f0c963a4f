import { signal, useSignal } from '@preact/signals'
import { useId } from 'preact/hooks'
import { LANGUAGES, language, setLanguage, t } from '../i18n/index.ts'
import type { RequestSettings } from '../model/form.ts'
import { SAMPLING_FIELDS } from '../model/sampling.ts'
import { thinkingAbility } from '../state/service.ts'
import { changeSettings, NO_SAMPLING, settings } from '../state/settings.ts'
import { Modal } from './modal.tsx'
import { DataSettings } from './settings-data.tsx'
import { SamplingSetting, StopSetting, ThinkingSetting } from './settings-sampling.tsx'
import '../styles/settings.css'

const isOpen = signal(false)

export function openSettings (): void {
  isOpen.value = true
}

const THEMES = [
  { id: 'system', label: 'app.themeSystem' },
  { id: 'light', label: 'app.themeLight' },
  { id: 'dark', label: 'app.themeDark' }
] as const

/** The settings. Every change applies at once. */
export function SettingsDialog () {
  return (
    <Modal isOpen={isOpen.value} onClose={() => { isOpen.value = false }} title={t('app.settings')} class='settings'>
      <div class='settings-row'>
        <LanguageSetting />
        <ThemeSetting />
      </div>
      <ModelSettings />
      <DataSettings />
    </Modal>
  )
}

function LanguageSetting () {
  const id = useId()
  return (
    <div class='field'>
      <label for={id}>{t('app.language')}</label>
      <select
        id={id} class='input' value={language.value}
        onChange={({ currentTarget }) => setLanguage(LANGUAGES[currentTarget.selectedIndex]!.id)}
      >
        {LANGUAGES.map(it => <option key={it.id} value={it.id} lang={it.id}>{it.name}</option>)}
      </select>
    </div>
  )
}

function ThemeSetting () {
  const id = useId()
  return (
    <div class='field'>
      <label for={id}>{t('app.theme')}</label>
      <select
        id={id} class='input' value={settings.value.theme}
        onChange={({ currentTarget }) => changeSettings({ theme: THEMES[currentTarget.selectedIndex]!.id })}
      >
        {THEMES.map(it => <option key={it.id} value={it.id}>{t(it.label)}</option>)}
      </select>
    </div>
  )
}

/** The settings that are sent with each question. */
function ModelSettings () {
  // A field keeps invalid text locally. A new key recreates the fields after a reset.
  const resets = useSignal(0)
  const { system, sampling, stop, thinking } = settings.value
  const isDefault = system === '' && stop.length === 0 && thinking.tokens === null &&
    Object.values(sampling).every(value => value === null)
  // The switch next to the question keeps its state, like the format.
  const defaults: RequestSettings =
    { system: '', sampling: NO_SAMPLING, stop: [], thinking: { ...thinking, tokens: null } }
  return (
    <>
      <SystemSetting />
      <fieldset class='settings-group'>
        <legend>{t('settings.sampling')}</legend>
        <div class='settings-grid' key={resets.value}>
          {SAMPLING_FIELDS.map(field => <SamplingSetting key={field.name} field={field} />)}
          {thinkingAbility.value.mode !== 'never' && <ThinkingSetting />}
          <StopSetting />
        </div>
        <button
          type='button' class='button' disabled={isDefault} onClick={() => {
            changeSettings(defaults)
            resets.value++
          }}
        >{t('settings.reset')}
        </button>
      </fieldset>
    </>
  )
}

function SystemSetting () {
  const id = useId()
  return (
    <div class='field'>
      <label for={id}>{t('settings.system')}</label>
      <textarea
        id={id} class='input' rows={3} value={settings.value.system} aria-describedby={`${id}-hint`}
        onInput={({ currentTarget }) => changeSettings({ system: currentTarget.value })}
      />
      <p class='hint' id={`${id}-hint`}>{t('settings.systemHint')}</p>
    </div>
  )
}
