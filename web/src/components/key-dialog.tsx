import { computed, signal, useSignal } from '@preact/signals'
import { useId } from 'preact/hooks'
import { keyWanted, useKey as takeKey } from '../api/key.ts'
import { t } from '../i18n/index.ts'
import { Modal } from './modal.tsx'

/** The user closed the dialog without entering a key. */
const isPutOff = signal(false)
/** Whether to show a notice that opens the dialog again. */
export const isKeyMissing = computed(() => isPutOff.value && keyWanted.value !== 'no')

export function openKeyDialog (): void {
  isPutOff.value = false
}

/** Asks for the API key when the service refuses requests without one. */
export function KeyDialog () {
  return (
    <Modal
      isOpen={keyWanted.value !== 'no' && !isPutOff.value} title={t('key.title')}
      onClose={() => { if (keyWanted.value !== 'no') isPutOff.value = true }}
    >
      <KeyForm />
    </Modal>
  )
}

function KeyForm () {
  const id = useId()
  const key = useSignal('')
  const isWrong = keyWanted.value === 'wrong'

  function send (event: Event): void {
    event.preventDefault()
    // Pasted keys often end with a space, which a header value cannot contain.
    const value = key.value.trim()
    if (value !== '') takeKey(value)
  }

  return (
    <form onSubmit={send}>
      {/* Password managers store a user name with each password. */}
      <input
        class='visually-hidden' type='text' name='username' autocomplete='username' value='sightline' tabIndex={-1}
        readOnly aria-hidden='true'
      />
      <div class='field'>
        <label for={id}>{t('key.label')}</label>
        <input
          id={id} class='input' type='password' name='password' autocomplete='current-password' required autofocus
          value={key.value} onInput={({ currentTarget }) => { key.value = currentTarget.value }}
          aria-invalid={isWrong} aria-describedby={`${id}-fault ${id}-hint`}
        />
        <p class='fault' id={`${id}-fault`} role='alert'>{isWrong && t('key.wrong')}</p>
        <p class='hint' id={`${id}-hint`}>{t('key.hint')}</p>
      </div>
      <div class='modal-actions'>
        <button type='button' class='button' onClick={() => { isPutOff.value = true }}>{t('key.later')}</button>
        <button type='submit' class='button primary'>{t('key.use')}</button>
      </div>
    </form>
  )
}
