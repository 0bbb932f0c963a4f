import { computed, signal } from '@preact/signals'
import { t, type Message } from '../i18n/index.ts'
import type { StoredImage } from '../model/conversation.ts'
import { faultOf } from '../model/image-file.ts'
import { forgetDocument } from './documents.ts'
import { forgetImage } from './image-urls.ts'
import { announcement } from './notice.ts'
import { limits } from './service.ts'

export interface DraftImage extends StoredImage {
  blob: Blob
  /** False while the file is being inspected. */
  isRead: boolean
  /** The reason why the image cannot be sent. */
  fault: Message | null
}

/** The text of the question that is being written. */
export const draftText = signal('')
export const draftImages = signal<DraftImage[]>([])

/** The images of the draft with their faults, including too many images. */
export const checkedImages = computed<DraftImage[]>(() => draftImages.value.map((image, i) => {
  const { isRead, bytes, width, height, fault } = image
  if (fault !== null || !isRead) return image
  const type = image.type === '' ? null : image.type
  const found = faultOf({ type, width, height }, bytes, limits.value)
  if (found === null && i >= limits.value.maxImages) {
    return { ...image, fault: { key: 'image.tooMany', values: { limit: limits.value.maxImages } } }
  }
  return { ...image, fault: found }
}))
export const isDraftFaulty = computed(() => checkedImages.value.some(({ fault }) => fault !== null))
export const isDraftReady = computed(() => checkedImages.value.every(({ isRead }) => isRead))

/** Changes the images of the draft. The bytes of images that are no longer in it are released. */
export function setDraftImages (images: DraftImage[]): void {
  const old = draftImages.value
  draftImages.value = images
  const kept = new Set(images.flatMap(({ key, page }) => page ? [key, page.document] : [key]))
  for (const { key, page } of old) {
    if (!kept.has(key)) forgetImage(key)
    if (page && !kept.has(page.document)) forgetDocument(page.document)
  }
}

export function removeDraftImage (key: string): void {
  setDraftImages(draftImages.value.filter(image => image.key !== key))
}

/** Moves an image to another index. */
export function moveDraftImage (key: string, to: number): void {
  const images = [...draftImages.value]
  const from = images.findIndex(image => image.key === key)
  const place = Math.max(0, Math.min(images.length - 1, to))
  if (from < 0 || from === place) return
  const [moved] = images.splice(from, 1)
  images.splice(place, 0, moved!)
  draftImages.value = images
  announcement.value = t('image.moved', { name: moved!.name, number: place + 1, total: images.length })
}

export function clearDraft (): void {
  draftText.value = ''
  draftImages.value = []
}
