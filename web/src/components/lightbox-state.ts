import { signal } from '@preact/signals'
import type { StoredImage } from '../model/conversation.ts'
import type { Mark } from '../model/marks.ts'

export interface LightboxImage {
  image: StoredImage
  /** The number of the image in the conversation, or its future number for a draft. */
  number: number
  /** The boxes and points of an answer in this image. */
  marks?: readonly Mark[]
}

export interface LightboxContent {
  images: readonly LightboxImage[]
  index: number
}

/** The content of the lightbox; null when it is closed. */
export const lightbox = signal<LightboxContent | null>(null)

export function openLightbox (content: LightboxContent): void {
  lightbox.value = content
}

export function closeLightbox (): void {
  lightbox.value = null
}

/** Moves to another image, wrapping at both ends. */
export function turnLightbox (by: number): void {
  const shown = lightbox.value
  if (shown) lightbox.value = { ...shown, index: (shown.index + by + shown.images.length) % shown.images.length }
}
