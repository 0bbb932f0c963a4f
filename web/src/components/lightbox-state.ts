import { signal } from '@preact/signals'
import type { StoredImage } from '../model/conversation.ts'
import type { Mark } from '../model/marks.ts'

export interface LightboxImage {
  image: StoredImage
  /** Among all of the conversation, or of the draft. */
  number: number
  /** What an answer points at in it. */
  marks?: readonly Mark[]
}

export interface LightboxContent {
  images: readonly LightboxImage[]
  index: number
}

/** What is shown over the page; null: nothing. */
export const lightbox = signal<LightboxContent | null>(null)

export function openLightbox (content: LightboxContent): void {
  lightbox.value = content
}

export function closeLightbox (): void {
  lightbox.value = null
}

/** To another of the pictures; after the last comes the first. */
export function turnLightbox (by: number): void {
  const shown = lightbox.value
  if (shown) lightbox.value = { ...shown, index: (shown.index + by + shown.images.length) % shown.images.length }
}
