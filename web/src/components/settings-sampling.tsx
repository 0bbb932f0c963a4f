import { useSignal } from '@preact/signals'
import { useId } from 'preact/hooks'
import { formatNumber, t } from '../i18n/index.ts'
import { MAX_STOP_CHARACTERS, readNumber, readStops, type NumberField, type SamplingField } from '../model/sampling.ts'
import { thinkingAbility } from '../state/service.ts'
import { changeSettings, settings } from '../state/settings.ts'

export function SamplingSetting ({ field }: { field: SamplingField }) {
  const { sampling } = settings.value
  return (
    <NumberSetting
      field={field} value={sampling[field.name]}
      onChange={value => changeSettings({ sampling: { ...sampling, [field.name]: value } })}
    />
  )
}

export function ThinkingSetting () {
  const { thinking } = settings.value
  const { maxTokens } = thinkingAbility.value
  return (
    <NumberSetting
      field={{ label: 'settings.thinkingTokens', min: 1, max: maxTokens, isWhole: true }} value={thinking.tokens}
      onChange={tokens => changeSettings({ thinking: { ...thinking, tokens } })}
    />
  )
}

interface NumberSettingProps { field: NumberField, value: number | null, onChange: (value: number | null) => void }

/** A field for a number; empty uses the default of the service. A value that the service would refuse is not stored. */
function NumberSetting ({ field, value, onChange }: NumberSettingProps) {
  const id = useId()
  const { label, min, max, isWhole, isAbove } = field
  const written = useSignal(String(value ?? ''))
  const isInvalid = readNumber(written.value, field) === undefined

  function change (text: string): void {
    written.value = text
    const value = readNumber(text, field)
    if (value !== undefined) onChange(value)
  }

  return (
    <div class='field'>
      <label for={id}>{t(label)}</label>
      <input
        id={id} class='input' inputmode={isWhole ? 'numeric' : 'decimal'} autocomplete='off' spellcheck={false}
        placeholder={t('settings.default')} value={written.value} aria-invalid={isInvalid}
        aria-describedby={`${id}-fault`} onInput={({ currentTarget }) => change(currentTarget.value)}
      />
      <p class='fault' id={`${id}-fault`} aria-live='polite'>
        {isInvalid && t(isWhole ? 'settings.invalidWhole' : 'settings.invalid', {
          min: isAbove ? `> ${min}` : formatNumber(min, 1), max: formatNumber(max, 1)
        })}
      </p>
    </div>
  )
}

export function StopSetting () {
  const id = useId()
  const written = useSignal(settings.value.stop.join('\n'))
  const isInvalid = readStops(written.value) === undefined

  function change (text: string): void {
    written.value = text
    const stop = readStops(text)
    if (stop) changeSettings({ stop })
  }

  return (
    <div class='field settings-wide'>
      <label for={id}>{t('settings.stop')}</label>
      <textarea
        id={id} class='input' rows={2} spellcheck={false} value={written.value}
        aria-invalid={isInvalid} aria-describedby={`${id}-hint ${id}-fault`}
        onInput={({ currentTarget }) => change(currentTarget.value)}
      />
      <p class='hint' id={`${id}-hint`}>{t('settings.stopHint')}</p>
      <p class='fault' id={`${id}-fault`} aria-live='polite'>
        {isInvalid && t('settings.stopInvalid', { limit: MAX_STOP_CHARACTERS })}
      </p>
    </div>
  )
}
