import { computed, signal } from '@preact/signals'
import { t, type Message } from '../i18n/index.ts'
import { newId, type Picture } from '../model/conversation.ts'
import { faultOf, readPictureFile } from '../model/picture-file.ts'
import { holdPicture } from './picture-urls.ts'
import { announcement } from './notice.ts'
import { limits } from './service.ts'

export interface DraftPicture extends Picture {
  blob: Blob
  /** Its bytes are being looked at. */
  isRead: boolean
  /** Why it cannot be sent. */
  fault: Message | null
}

/** The question that is being written. */
export const draftText = signal('')
export const draftPictures = signal<DraftPicture[]>([])

/** The pictures with what speaks against each, their number included. */
export const checkedPictures = computed<DraftPicture[]>(() => draftPictures.value.map((picture, i) => {
  const { isRead, bytes, width, height, fault } = picture
  if (fault !== null || !isRead) return picture
  const type = picture.type === '' ? null : picture.type
  const found = faultOf({ type, width, height }, bytes, limits.value)
  if (found === null && i >= limits.value.maxImages) {
    return { ...picture, fault: { key: 'picture.tooMany', values: { limit: limits.value.maxImages } } }
  }
  return { ...picture, fault: found }
}))
export const isDraftFaulty = computed(() => checkedPictures.value.some(({ fault }) => fault !== null))
export const isDraftReady = computed(() => checkedPictures.value.every(({ isRead }) => isRead))

/** Adds files at the end; what cannot be sent is added too, with the reason, so that nobody wonders where it went. */
export async function addFiles (files: Iterable<File>): Promise<void> {
  const added = Array.from(files, (file): DraftPicture => ({
    key: newId(),
    name: file.name || t(
      'picture.fromClipboard'
    ),
    type: file.type,
    bytes: file.size,
    width: null,
    height: null,
    id: null,
    blob: file,
    isRead: false,
    fault: null
  }))
  for (const { key, blob } of added) holdPicture(key, blob)
  draftPictures.value = [...draftPictures.value, ...added]
  // One at a time: large photographs need memory to be read.
  for (const { key, blob } of added) {
    const read = await readPictureFile(blob).catch(() => ({ type: null, width: null, height: null }))
    draftPictures.value = draftPictures.value.map(picture => picture.key === key
      ? { ...picture, type: read.type ?? '', width: read.width, height: read.height, isRead: true }
      : picture)
  }
}

export function removeDraftPicture (key: string): void {
  draftPictures.value = draftPictures.value.filter(picture => picture.key !== key)
}

/** Puts a picture in another place. */
export function moveDraftPicture (key: string, to: number): void {
  const pictures = [...draftPictures.value]
  const from = pictures.findIndex(picture => picture.key === key)
  const place = Math.max(0, Math.min(pictures.length - 1, to))
  if (from < 0 || from === place) return
  const [moved] = pictures.splice(from, 1)
  pictures.splice(place, 0, moved!)
  draftPictures.value = pictures
  announcement.value = t('picture.moved', { name: moved!.name, number: place + 1, total: pictures.length })
}

export function clearDraft (): void {
  draftText.value = ''
  draftPictures.value = []
}
