import { useSignal } from '@preact/signals'
import { t } from '../i18n/index.ts'
import { writePageList } from '../model/page-list.ts'
import { draftDocuments } from '../state/draft-pages.ts'
import { Icon } from './icon.tsx'
import { PageDialog } from './page-dialog.tsx'
import '../styles/draft-documents.css'

/** A button for each document of the draft with several pages, which opens the choice of its pages. */
export function DraftDocuments () {
  const open = useSignal<string | null>(null)
  const documents = draftDocuments.value.filter(({ count }) => count > 1)
  const chosen = documents.find(({ key }) => key === open.value) ?? null
  if (documents.length === 0) return null
  return (
    <div class='draft-documents'>
      {documents.map(({ key, file, count, chosen }) => (
        <button key={key} type='button' class='button draft-documents-choose' onClick={() => { open.value = key }}>
          <Icon name='edit' /> {t('document.choose', { file, pages: writePageList(chosen), count })}
        </button>
      ))}
      <PageDialog document={chosen} onClose={() => { open.value = null }} />
    </div>
  )
}
