import { computed, signal } from '@preact/signals'
import { t, type Message } from '../i18n/index.ts'
import { newId, type StoredImage } from '../model/conversation.ts'
import { faultOf, readImageFile } from '../model/image-file.ts'
import { decodePreview, registerImage } from './image-urls.ts'
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

/**
 * Adds files at the end of the draft. Files that cannot be sent are added too, with the reason, so that no file
 * disappears without explanation.
 */
export async function addFiles (files: Iterable<File>): Promise<void> {
  const added = Array.from(files, (file): DraftImage => ({
    key: newId(),
    name: file.name || t('image.fromClipboard'),
    type: file.type,
    bytes: file.size,
    width: null,
    height: null,
    id: null,
    blob: file,
    isRead: false,
    fault: null
  }))
  for (const { key, blob } of added) registerImage(key, blob)
  draftImages.value = [...draftImages.value, ...added]
  // One at a time, because decoding large photographs needs much memory.
  for (const { key, blob } of added) {
    const read = await readImageFile(blob).catch(() => ({ type: null, width: null, height: null }))
    const size = read.type === 'image/heic' && read.width === null ? await decodePreview(key) : read
    draftImages.value = draftImages.value.map(image => image.key === key
      ? { ...image, type: read.type ?? '', width: size?.width ?? null, height: size?.height ?? null, isRead: true }
      : image)
  }
}

export function removeDraftImage (key: string): void {
  draftImages.value = draftImages.value.filter(image => image.key !== key)
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
