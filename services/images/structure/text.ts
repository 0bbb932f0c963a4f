import { Bound } from './bound.ts'

/**
 * Maximum size of the XMP and the comments of one image. Editors write a few kilobytes. sharp creates strings from them
 * on the main thread, in 13 ms for each megabyte that is not ASCII.
 */
export const MAX_TEXT_MIB = 4

/** Counts the bytes of text in an image. */
export function boundText (label: string): Bound {
  return new Bound(label, MAX_TEXT_MIB * 1024 * 1024, {
    en: `it has more than ${MAX_TEXT_MIB} MiB of text`,
    zh: `文本超过 ${MAX_TEXT_MIB} MiB`
  })
}
