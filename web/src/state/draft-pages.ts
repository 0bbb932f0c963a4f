import { computed } from '@preact/signals'
import { t, type Message } from '../i18n/index.ts'
import { newId } from '../model/conversation.ts'
import { DOCUMENT } from '../model/image-file.ts'
import type { PdfError, PdfFault } from '../pdf/pdf.ts'
import { draftImages, setDraftImages, type DraftImage } from './draft.ts'
import { openDocument, registerDocument } from './documents.ts'
import { limits } from './service.ts'

/** A document of which the draft contains pages. */
export interface DraftDocument {
  key: string
  file: string
  /** The number of its pages. */
  count: number
  /** The pages in the draft, from 1, in the order of the draft. */
  chosen: number[]
}

const FAULTS: Record<PdfFault, Message> = {
  damaged: { key: 'document.damaged' }, password: { key: 'document.password' }, slow: { key: 'document.slow' }
}

export const draftDocuments = computed<DraftDocument[]>(() => {
  const documents = new Map<string, DraftDocument>()
  for (const { page } of draftImages.value) {
    if (!page) continue
    const { document: key, file, number, of: count } = page
    const known = documents.get(key)
    if (known) known.chosen.push(number)
    else documents.set(key, { key, file, count, chosen: [number] })
  }
  return [...documents.values()]
})

/** The number of pages of a document for which the limit of images leaves room. */
export function roomFor (document: string): number {
  const others = draftImages.value.filter(({ key, page }) => (page?.document ?? key) !== document)
  return Math.max(0, limits.value.maxImages - others.length)
}

/** Replaces a PDF in the draft by its first pages for which there is room, by one at least. */
export async function addPages (image: DraftImage): Promise<void> {
  const { key, blob } = image
  registerDocument(key, blob)
  try {
    const count = await (await openDocument(key))!.count()
    if (count === 0) return refuse(key, { key: 'document.empty' })
    const pages = Array.from({ length: Math.min(count, Math.max(1, roomFor(key))) }, (_, index) => index + 1)
    setDraftImages(draftImages.value.flatMap(it =>
      it.key === key ? pages.map(number => pageOf(it, key, it.name, number, count)) : [it]))
  } catch (error) {
    console.warn(error)
    const { fault } = error as Partial<PdfError>
    refuse(key, fault ? FAULTS[fault] : { key: 'document.noReader' })
  }
}

function refuse (key: string, fault: Message): void {
  draftImages.value = draftImages.value.map(image =>
    image.key === key ? { ...image, type: DOCUMENT, isRead: true, fault } : image)
}

function pageOf (from: DraftImage, document: string, file: string, number: number, of: number): DraftImage {
  return {
    ...from,
    key: newId(),
    name: of === 1 ? file : t('document.page', { file, number }),
    type: DOCUMENT,
    isRead: true,
    page: { document, file, number, of }
  }
}

/**
 * Changes the pages of a document in the draft. They take the place of the first one.
 * @param numbers at least one page, from 1
 */
export function choosePages (document: string, numbers: readonly number[]): void {
  const images = draftImages.value
  const at = images.findIndex(({ page }) => page?.document === document)
  const first = images[at]
  if (!first?.page) return
  const { file, of } = first.page
  const known = new Map(images.flatMap(it => it.page?.document === document ? [[it.page.number, it] as const] : []))
  const isOther = ({ page }: DraftImage) => page?.document !== document
  setDraftImages([
    ...images.slice(0, at),
    ...numbers.map(number => known.get(number) ?? pageOf(first, document, file, number, of)),
    ...images.slice(at).filter(isOther)
  ])
}
