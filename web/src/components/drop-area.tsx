import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { t } from '../i18n/index.ts'
import { addFiles } from '../state/draft.ts'
import { Icon } from './icon.tsx'

/** Takes pictures that are dropped or pasted anywhere on the page. */
export function DropArea () {
  const isOver = useSignal(false)
  useEffect(() => {
    // Of every element that is entered one is left again.
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
        // Without it the browser would open the file.
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
        const files = [...event.clipboardData?.files ?? []].filter(({ type }) => type.startsWith('image/'))
        // Copied from a table or a page, words come with a picture of themselves.
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
