import { useSignal } from '@preact/signals'
import { t, type Key } from '../i18n/index.ts'
import type { Format } from '../model/conversation.ts'
import { changeSettings, settings } from '../state/settings.ts'
import { rememberSchema } from '../state/last-schema.ts'
import '../styles/format-picker.css'
import { IconButton } from './icon.tsx'
import { SchemaDialog } from './schema-dialog.tsx'

const NAMES: Record<Format['type'], Key> = {
  text: 'composer.formatText', object: 'composer.formatObject', schema: 'composer.formatSchema'
}
const TYPES = Object.keys(NAMES) as Array<Format['type']>

/** Selects the format of the next answers. */
export function FormatPicker () {
  const isAsking = useSignal(false)
  const { type } = settings.value.format

  function pick (select: HTMLSelectElement): void {
    const picked = TYPES[select.selectedIndex] ?? 'text'
    if (picked === 'schema') {
      // The format changes only when a schema is confirmed.
      select.value = type
      isAsking.value = true
    } else {
      changeSettings({ format: { type: picked } })
    }
  }
  function use (schema: string): void {
    rememberSchema(schema)
    changeSettings({ format: { type: 'schema', schema } })
    isAsking.value = false
  }
  return (
    <div class='format-picker'>
      <select
        class='format-picker-select' aria-label={t('composer.format')} title={t('composer.format')} value={type}
        onChange={event => pick(event.currentTarget)}
      >
        {TYPES.map(id => <option key={id} value={id}>{t(NAMES[id])}</option>)}
      </select>
      {type === 'schema' && (
        <IconButton icon='braces' label={t('json.editSchema')} onClick={() => { isAsking.value = true }} />
      )}
      <SchemaDialog isOpen={isAsking.value} onUse={use} onClose={() => { isAsking.value = false }} />
    </div>
  )
}
