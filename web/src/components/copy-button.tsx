import { useSignal } from '@preact/signals'
import { t } from '../i18n/index.ts'
import { announcement } from '../state/notice.ts'
import { copyText } from './clipboard.ts'
import { IconButton } from './icon.tsx'

const SHOWN_MS = 1_500

/**
 * A button that copies a text.
 * @param text builds the text when the button is pressed
 */
export function CopyButton ({ text, label = t('app.copy') }: { text: () => string, label?: string }) {
  const isCopied = useSignal(false)
  async function copy (): Promise<void> {
    if (!await copyText(text())) return
    isCopied.value = true
    announcement.value = t('app.copied')
    setTimeout(() => { isCopied.value = false }, SHOWN_MS)
  }
  return isCopied.value
    ? <IconButton icon='check' label={t('app.copied')} onClick={() => { void copy() }} />
    : <IconButton icon='copy' label={label} onClick={() => { void copy() }} />
}
