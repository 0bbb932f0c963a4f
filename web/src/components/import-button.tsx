import { useSignal } from '@preact/signals'
import { useRef } from 'preact/hooks'
import { t, translate, type Message } from '../i18n/index.ts'
import { importFile } from '../state/importing.ts'
import { Icon } from './icon.tsx'

/** A button that imports a file of conversations and shows the result below itself. */
export function ImportButton ({ class: classes = 'button' }: { class?: string }) {
  const input = useRef<HTMLInputElement>(null)
  const isBusy = useSignal(false)
  const result = useSignal<{ isDone: boolean, message: Message } | null>(null)

  async function read (chosen: HTMLInputElement): Promise<void> {
    const file = chosen.files?.[0]
    if (!file) return
    isBusy.value = true
    result.value = await importFile(file)
    isBusy.value = false
    // Otherwise, choosing the same file again would not fire `change`.
    chosen.value = ''
  }

  return (
    <>
      <button type='button' class={classes} disabled={isBusy.value} onClick={() => input.current?.click()}>
        <Icon name='upload' />
        {t('import.open')}
      </button>
      <input
        ref={input} type='file' accept='application/json,.json' hidden aria-label={t('import.open')}
        onChange={event => { void read(event.currentTarget) }}
      />
      <p class='import-result' role='status' data-state={result.value?.isDone === false ? 'bad' : 'good'}>
        {result.value && translate(result.value.message)}
      </p>
    </>
  )
}
