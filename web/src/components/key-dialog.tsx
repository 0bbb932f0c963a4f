import { computed, signal, useSignal, useSignalEffect } from '@preact/signals'
import { useId } from 'preact/hooks'
import { keyWanted, useKey as takeKey } from '../api/key.ts'
import { t } from '../i18n/index.ts'
import { Modal } from './modal.tsx'

/** Somebody wants to look around without a key. */
const isPutOff = signal(false)
/** There is a way back to the question for the key. */
export const isKeyMissing = computed(() => isPutOff.value && keyWanted.value !== 'no')

export function openKeyDialog (): void {
  isPutOff.value = false
}

/** Asks for the API key while the service answers nobody without one. */
export function KeyDialog () {
  return (
    <Modal isOpen={keyWanted.value !== 'no' && !isPutOff.value} onClose={() => { if (keyWanted.value !== 'no') isPutOff.value = true }} title={t('key.title')}>
      <KeyForm />
    </Modal>
  )
}

/** The last key that was tried was refused. Kept here: the service is asked again and again, then without any key. */
const isWrong = signal(false)

function KeyForm () {
  const id = useId()
  const key = useSignal('')
  useSignalEffect(() => { if (keyWanted.value === 'wrong') isWrong.value = true })

  function send (event: Event): void {
    event.preventDefault()
    // No space can be part of a header's value, and pasted keys often end in one.
    const value = key.value.trim()
    if (value === '') return
    isWrong.value = false
    takeKey(value)
  }

  return (
    <form onSubmit={send}>
      {/* Password managers keep names and passwords in pairs. */}
      <input class='visually-hidden' type='text' name='username' autocomplete='username' value='sightline' tabIndex={-1} readOnly aria-hidden='true' />
      <div class='field'>
        <label for={id}>{t('key.label')}</label>
        <input
          id={id} class='input' type='password' name='password' autocomplete='current-password' required autofocus value={key.value}
          aria-invalid={isWrong.value} aria-describedby={`${id}-fault ${id}-hint`} onInput={({ currentTarget }) => { key.value = currentTarget.value }}
        />
        <p class='fault' id={`${id}-fault`} role='alert'>{isWrong.value && t('key.wrong')}</p>
        <p class='hint' id={`${id}-hint`}>{t('key.hint')}</p>
      </div>
      <div class='modal-actions'>
        <button type='button' class='button' onClick={() => { isPutOff.value = true }}>{t('key.later')}</button>
        <button type='submit' class='button primary'>{t('key.use')}</button>
      </div>
    </form>
  )
}
