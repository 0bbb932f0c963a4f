import { signal, useSignal, type ReadonlySignal, type Signal } from '@preact/signals'
import { useLayoutEffect } from 'preact/hooks'
import type { DocumentPage, StoredImage } from '../model/conversation.ts'
import type { Size } from '../model/zoom.ts'
import { loadImage } from '../storage/database.ts'
import { typeOf } from '../model/image-file.ts'
import { isKept, keep } from './conversations.ts'
import { addedDocument, renderPage } from './documents.ts'
import { limits } from './service.ts'

/**
 * A URL for `<img>`; undefined while the bytes are loading, null when they are gone, empty for a page that cannot be
 * rendered.
 */
export type ImageUrl = string | null | undefined

interface Entry {
  url: Signal<ImageUrl>
  /** The bytes of an image that was added in this page and may not be stored yet. */
  blob: Blob | null
  /** The number of components that show the image. */
  users: number
  /** Set when the browser cannot show the image itself. */
  preview?: Promise<Size | null>
}

/** Longest side of a rendered page. The lightbox enlarges it further. */
const PAGE_SIDE = 1_600

/** Unused images that stay loaded, for scrolling back. */
const MAX_IDLE = 16

/** Sorted by release; the last released image is last. */
const entries = new Map<string, Entry>()

/** Makes a new image available before the database has stored it, or when storage is unavailable. */
export function registerImage (key: string, blob: Blob): void {
  entries.set(key, { url: signal<ImageUrl>(URL.createObjectURL(blob)), blob, users: 0 })
}

/** Releases an image that was removed before it was sent. */
export function forgetImage (key: string): void {
  const entry = entries.get(key)
  if (!entry) return
  entry.blob = null
  if (entry.users === 0) drop(key, entry)
}

/**
 * Shows a decoded copy in place of a HEIC that the browser cannot show. The decoder is loaded at the first use.
 * @returns the size of the image; null when nothing can be shown
 */
export async function decodePreview (key: string): Promise<Size | null> {
  const entry = entries.get(key)
  if (!entry) return null
  entry.preview ??= makePreview(key, entry).catch((error: unknown) => {
    // Loading the decoder fails without a network; the next call retries.
    console.warn(error)
    entry.preview = undefined
    return null
  })
  return await entry.preview
}

async function makePreview (key: string, entry: Entry): Promise<Size | null> {
  const blob = await imageBytes(key)
  if (blob === null || typeOf(new Uint8Array(await blob.slice(0, 32).arrayBuffer())) !== 'image/heic') return null
  const { decodeHeic } = await import('../heic/heic.ts')
  const decoded = await decodeHeic(blob, limits.value.maxHeicPixels)
  if (decoded === null) return null
  const old = entry.url.value
  if (decoded.preview !== null && entries.get(key) === entry) {
    entry.url.value = URL.createObjectURL(decoded.preview)
    if (old) URL.revokeObjectURL(old)
  }
  return { width: decoded.width, height: decoded.height }
}

/** The bytes of an image or of a document, to send them; null when they are gone. */
export async function imageBytes (key: string): Promise<Blob | null> {
  return entries.get(key)?.blob ?? addedDocument(key) ?? await keep(loadImage(key))
}

/** The bytes of an image as browsers can show it: a page of a document is rendered. Null when they are gone. */
export async function visibleBytes ({ key, page }: Pick<StoredImage, 'key' | 'page'>): Promise<Blob | null> {
  if (!page) return await imageBytes(key)
  try {
    return (await renderPage(page, PAGE_SIDE))?.preview ?? null
  } catch (error) {
    console.warn(error)
    return null
  }
}

/**
 * The URL of an image, valid while the component wants it. Decoded photographs need much memory, so a component should
 * not want images far from the screen.
 */
export function useImageUrl (image: Pick<StoredImage, 'key' | 'page'>, isWanted = true): ImageUrl {
  const { key } = image
  const url = useSignal<ReadonlySignal<ImageUrl> | null>(null)
  useLayoutEffect(() => {
    if (!isWanted) return
    const entry = acquire(image)
    url.value = entry.url
    return () => {
      url.value = null
      release(key, entry)
    }
  }, [key, isWanted])
  return url.value?.value
}

function acquire ({ key, page }: Pick<StoredImage, 'key' | 'page'>): Entry {
  const known = entries.get(key)
  const entry = known ?? { url: signal<ImageUrl>(undefined), blob: null, users: 0 }
  entry.users++
  if (known) return entry
  entries.set(key, entry)
  void (page ? urlOfPage(page) : urlOfFile(key)).then(url => {
    if (entries.get(key) === entry) entry.url.value = url
    // The entry was released before the bytes arrived.
    else if (url) URL.revokeObjectURL(url)
  })
  return entry
}

async function urlOfFile (key: string): Promise<ImageUrl> {
  const blob = await keep(loadImage(key))
  return blob && URL.createObjectURL(blob)
}

async function urlOfPage (page: DocumentPage): Promise<ImageUrl> {
  try {
    const rendered = await renderPage(page, PAGE_SIDE)
    return rendered && (rendered.preview ? URL.createObjectURL(rendered.preview) : '')
  } catch (error) {
    console.warn(error)
    return ''
  }
}

function release (key: string, entry: Entry): void {
  if (--entry.users > 0 || entries.get(key) !== entry) return
  entries.delete(key)
  // Missing bytes may come back with an undo, and a renderer with the network, so failures are not cached.
  if (entry.url.value === null || entry.url.value === '') return
  entries.set(key, entry)
  void dropIdle()
}

async function dropIdle (): Promise<void> {
  const idle = [...entries].filter(([, { users }]) => users === 0)
  for (const [key, entry] of idle.slice(0, -MAX_IDLE)) {
    if (entry.blob !== null && !await isInDatabase(key)) continue
    // A component may have acquired it in the meantime.
    if (entry.users === 0 && entries.get(key) === entry) drop(key, entry)
  }
}

async function isInDatabase (key: string): Promise<boolean> {
  return isKept.value && await keep(loadImage(key)) !== null
}

function drop (key: string, { url }: Entry): void {
  if (url.value) URL.revokeObjectURL(url.value)
  entries.delete(key)
}
