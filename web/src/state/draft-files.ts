import { t } from '../i18n/index.ts'
import { newId } from '../model/conversation.ts'
import { DOCUMENT, MB, readImageFile } from '../model/image-file.ts'
import { draftImages, type DraftImage } from './draft.ts'
import { addPages } from './draft-pages.ts'
import { decodePreview, registerImage } from './image-urls.ts'
import { limits } from './service.ts'

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
  for (const image of added) {
    const { key, blob } = image
    const read = await readImageFile(blob).catch(() => ({ type: null, width: null, height: null }))
    if (read.type === DOCUMENT && blob.size <= limits.value.maxFileSizeMb * MB) {
      await addPages(image)
      continue
    }
    const size = read.type === 'image/heic' && read.width === null ? await decodePreview(key) : read
    draftImages.value = draftImages.value.map(image => image.key === key
      ? { ...image, type: read.type ?? '', width: size?.width ?? null, height: size?.height ?? null, isRead: true }
      : image)
  }
}
