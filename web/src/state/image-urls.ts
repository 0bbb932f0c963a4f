import { signal, useSignal, type ReadonlySignal, type Signal } from '@preact/signals'
import { useLayoutEffect } from 'preact/hooks'
import { loadImage } from '../storage/database.ts'
import { isKept, keep } from './conversations.ts'

/** An address for `<img>`; undefined while the bytes are being fetched, null when they are gone. */
export type ImageUrl = string | null | undefined

interface Held {
  url: Signal<ImageUrl>
  /** What was added to this page, as long as it may be the only copy. */
  blob: Blob | null
  /** Components that show it. */
  users: number
}

/** Pictures that nobody sees any more, for the way back. */
const MAX_IDLE = 16

/** Those that were let go last are last. */
const held = new Map<string, Held>()

/** Pictures that were just added are known here before the database has them, or where it keeps nothing. */
export function registerImage (key: string, blob: Blob): void {
  held.set(key, { url: signal<ImageUrl>(URL.createObjectURL(blob)), blob, users: 0 })
}

/** A picture that was taken back before it was sent: nobody will ask for it again. */
export function forgetImage (key: string): void {
  const entry = held.get(key)
  if (!entry) return
  entry.blob = null
  if (entry.users === 0) drop(key, entry)
}

/** The bytes to send; null when they are nowhere any more. */
export async function imageBytes (key: string): Promise<Blob | null> {
  return held.get(key)?.blob ?? await keep(loadImage(key))
}

/**
 * The address of a picture, which stays valid as long as the component wants it. Decoded photographs are large: what is far from the
 * screen should not be wanted.
 */
export function useImageUrl (key: string, isWanted = true): ImageUrl {
  const url = useSignal<ReadonlySignal<ImageUrl> | null>(null)
  useLayoutEffect(() => {
    if (!isWanted) return
    const entry = take(key)
    url.value = entry.url
    return () => {
      url.value = null
      giveBack(key, entry)
    }
  }, [key, isWanted])
  return url.value?.value
}

function take (key: string): Held {
  const entry = held.get(key) ?? fetchInto(key, { url: signal<ImageUrl>(undefined), blob: null, users: 0 })
  entry.users++
  return entry
}

function fetchInto (key: string, entry: Held): Held {
  held.set(key, entry)
  void keep(loadImage(key)).then(blob => {
    // Let go before it came.
    if (held.get(key) !== entry) return
    entry.url.value = blob === null ? null : URL.createObjectURL(blob)
  })
  return entry
}

function giveBack (key: string, entry: Held): void {
  if (--entry.users > 0 || held.get(key) !== entry) return
  held.delete(key)
  // What was not there may have come back, with an undo.
  if (entry.url.value === null) return
  held.set(key, entry)
  void dropIdle()
}

async function dropIdle (): Promise<void> {
  const idle = [...held].filter(([, { users }]) => users === 0)
  for (const [key, entry] of idle.slice(0, -MAX_IDLE)) {
    if (entry.blob !== null && !await isInDatabase(key)) continue
    // Somebody may want it by now.
    if (entry.users === 0 && held.get(key) === entry) drop(key, entry)
  }
}

async function isInDatabase (key: string): Promise<boolean> {
  return isKept.value && await keep(loadImage(key)) !== null
}

function drop (key: string, { url }: Held): void {
  if (url.value) URL.revokeObjectURL(url.value)
  held.delete(key)
}
