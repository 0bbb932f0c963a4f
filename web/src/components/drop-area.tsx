import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { t } from '../i18n/index.ts'
import { DOCUMENT } from '../model/image-file.ts'
import { addFiles } from '../state/draft-files.ts'
import { Icon } from './icon.tsx'

/** Accepts images that are dropped or pasted anywhere on the page. */
export function DropArea () {
  const isOver = useSignal(false)
  useEffect(() => {
    // Counts `dragenter` minus `dragleave`, because both fire for every nested element.
    let depth = 0
    const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes('Files') ?? false
    const on = {
      dragenter (event: DragEvent) {
        if (!hasFiles(event)) return
        depth++
        isOver.value = true
      },
      dragleave (event: DragEvent) {
        if (!hasFiles(event)) return
        depth = Math.max(0, depth - 1)
        isOver.value = depth > 0
      },
      dragover (event: DragEvent) {
        // Otherwise, the browser would open the dropped file.
        if (hasFiles(event)) event.preventDefault()
      },
      drop (event: DragEvent) {
        depth = 0
        isOver.value = false
        if (!hasFiles(event)) return
        event.preventDefault()
        void addFiles(event.dataTransfer!.files)
      },
      paste (event: ClipboardEvent) {
        const files = [...event.clipboardData?.files ?? []]
          .filter(({ type }) => type.startsWith('image/') || type === DOCUMENT)
        // Text copied from a spreadsheet or page also contains an image of itself.
        const hasText = event.clipboardData?.types.includes('text/plain') ?? false
        if (files.length === 0 || hasText) return
        event.preventDefault()
        void addFiles(files)
      }
    }
    const listeners = Object.entries(on) as Array<[string, EventListener]>
    for (const [name, listener] of listeners) document.addEventListener(name, listener)
    return () => { for (const [name, listener] of listeners) document.removeEventListener(name, listener) }
  }, [])

  if (!isOver.value) return null
  return <div class='drop-area'><p class='drop-area-words'><Icon name='image' /> {t('composer.drop')}</p></div>
}
