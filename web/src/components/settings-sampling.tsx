import { useSignal } from '@preact/signals'
import { useId } from 'preact/hooks'
import { formatNumber, t } from '../i18n/index.ts'
import { MAX_STOP_CHARACTERS, readSampling, readStops, type SamplingField } from '../model/sampling.ts'
import { changeSettings, settings } from '../state/settings.ts'

/** A field for a number; empty uses the default of the service. A value that the service would refuse is not stored. */
export function SamplingSetting ({ field }: { field: SamplingField }) {
  const id = useId()
  const { name, label, min, max, isWhole, isAbove } = field
  const written = useSignal(String(settings.value.sampling[name] ?? ''))
  const isInvalid = readSampling(written.value, field) === undefined

  function change (text: string): void {
    written.value = text
    const value = readSampling(text, field)
    if (value !== undefined) changeSettings({ sampling: { ...settings.value.sampling, [name]: value } })
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
