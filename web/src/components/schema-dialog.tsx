import { useSignal } from '@preact/signals'
import { useId, useLayoutEffect, useRef } from 'preact/hooks'
import { say, t } from '../i18n/index.ts'
import { schemaFault } from '../model/schema-fault.ts'
import { SCHEMA_PRESETS } from '../model/schema-presets.ts'
import { lastSchema } from '../state/last-schema.ts'

export interface SchemaDialogProps {
  onUse: (schema: string) => void
  onClose: () => void
}

/** Asks for a schema: a ready-made one, or JSON that is pasted or written. */
export function SchemaDialog ({ onUse, onClose }: SchemaDialogProps) {
  const dialog = useRef<HTMLDialogElement>(null)
  const id = useId()
  const text = useSignal(lastSchema.peek())
  const fault = text.value.trim() === '' ? null : schemaFault(text.value)
  const canUse = text.value.trim() !== '' && fault === null
  useLayoutEffect(() => {
    const element = dialog.current
    element?.showModal()
    // Gives the focus back to where it was.
    return () => element?.close()
  }, [])

  return (
    <dialog ref={dialog} class='schema-dialog' aria-labelledby={`${id}-title`} onClose={onClose}>
      <h2 id={`${id}-title`}>{t('composer.formatSchema')}</h2>
      <div class='schema-dialog-presets' role='group' aria-label={t('json.pick')}>
        {SCHEMA_PRESETS.map(({ name, schema }) => (
          <button key={name} type='button' class='button' onClick={() => { text.value = JSON.stringify(schema, null, 2) }}>{t(name)}</button>
        ))}
      </div>
      <div class='field'>
        <label for={`${id}-schema`}>{t('json.schema')}</label>
        <textarea
          id={`${id}-schema`} class='input schema-dialog-text' rows={12} spellcheck={false} autocomplete='off' autocapitalize='off' placeholder={t('json.schemaPlaceholder')}
          value={text.value} onInput={event => { text.value = event.currentTarget.value }} aria-invalid={fault !== null} aria-describedby={`${id}-fault`}
        />
        <p id={`${id}-fault`} class='fault' aria-live='polite'>{fault !== null && say(fault)}</p>
      </div>
      <div class='schema-dialog-actions'>
        <button type='button' class='button' onClick={onClose}>{t('app.cancel')}</button>
        <button type='button' class='button primary' disabled={!canUse} onClick={() => onUse(text.value)}>{t('json.use')}</button>
      </div>
    </dialog>
  )
}
