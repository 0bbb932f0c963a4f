import { useSignal } from '@preact/signals'
import { useId } from 'preact/hooks'
import { t, translate } from '../i18n/index.ts'
import { pretty } from '../model/json-view.ts'
import { schemaFault } from '../model/schema-fault.ts'
import { SCHEMA_PRESETS } from '../model/schema-presets.ts'
import { lastSchema } from '../state/last-schema.ts'
import { Modal } from './modal.tsx'

export interface SchemaDialogProps {
  isOpen: boolean
  onUse: (schema: string) => void
  onClose: () => void
}

/** Asks for a JSON schema; offers presets and a text field. */
export function SchemaDialog ({ isOpen, onUse, onClose }: SchemaDialogProps) {
  return (
    <Modal isOpen={isOpen} onClose={onClose} title={t('composer.formatSchema')} class='schema-dialog'>
      <SchemaEditor onUse={onUse} onClose={onClose} />
    </Modal>
  )
}

function SchemaEditor ({ onUse, onClose }: Omit<SchemaDialogProps, 'isOpen'>) {
  const id = useId()
  const text = useSignal(lastSchema.peek())
  const isEmpty = text.value.trim() === ''
  const fault = isEmpty ? null : schemaFault(text.value)
  return (
    <>
      <div class='schema-dialog-presets' role='group' aria-label={t('json.pick')}>
        {SCHEMA_PRESETS.map(({ name, schema }) => (
          <button key={name} type='button' class='button' onClick={() => { text.value = pretty(schema) }}>
            {t(name)}
          </button>
        ))}
      </div>
      <div class='field'>
        <label for={`${id}-schema`}>{t('json.schema')}</label>
        <textarea
          id={`${id}-schema`} class='input schema-dialog-text' rows={12} spellcheck={false} autocomplete='off'
          autocapitalize='off' placeholder={t('json.schemaPlaceholder')}
          value={text.value} onInput={event => { text.value = event.currentTarget.value }}
          aria-invalid={fault !== null} aria-describedby={`${id}-fault`}
        />
        <p id={`${id}-fault`} class='fault' aria-live='polite'>{fault !== null && translate(fault)}</p>
      </div>
      <div class='modal-actions'>
        <button type='button' class='button' onClick={onClose}>{t('app.cancel')}</button>
        <button
          type='button' class='button primary' disabled={isEmpty || fault !== null} onClick={() => onUse(text.value)}
        >
          {t('json.use')}
        </button>
      </div>
    </>
  )
}
