import { signal, type ReadonlySignal } from '@preact/signals'
import { loadPicture } from '../storage/database.ts'

/** An address for `<img>`; undefined while the bytes are being fetched, null when they are gone. */
export type PictureUrl = string | null | undefined

const MAX_HELD = 60

const held = new Map<string, { url: ReturnType<typeof signal<PictureUrl>>, blob: Blob | null }>()

/** Pictures that were just added are known here before the database has them, or where it keeps nothing. */
export function holdPicture (key: string, blob: Blob): void {
  held.set(key, { url: signal<PictureUrl>(URL.createObjectURL(blob)), blob })
}

export function pictureUrl (key: string): ReadonlySignal<PictureUrl> {
  const known = held.get(key)
  if (known) {
    // The latest last.
    held.delete(key)
    held.set(key, known)
    return known.url
  }
  const entry = { url: signal<PictureUrl>(undefined), blob: null as Blob | null }
  held.set(key, entry)
  void loadPicture(key).catch(() => null).then(blob => {
    entry.url.value = blob === null ? null : URL.createObjectURL(blob)
  })
  return entry.url
}

/** The bytes to send; null when they are nowhere any more. */
export async function pictureBytes (key: string): Promise<Blob | null> {
  return held.get(key)?.blob ?? await loadPicture(key).catch(() => null)
}

/** Gives back the memory of pictures that no conversation on the screen shows. */
export function releasePictures (shown: ReadonlySet<string>): void {
  for (const [key, { url, blob }] of held) {
    if (held.size <= MAX_HELD) return
    // Bytes that are held may be the only ones.
    if (shown.has(key) || blob !== null) continue
    if (url.value) URL.revokeObjectURL(url.value)
    held.delete(key)
  }
}
