import { createHash } from 'node:crypto'
import type { Size } from './plan.ts'

/** A page of a PDF document. Its size in pixels is the one at `PAGE_DPI`. */
export interface PagePart extends Size {
  type: 'page'
  /** From 1. */
  page: number
  /** Number of pages of the document. */
  pages: number
}

/** A frame of an animation. */
export interface FramePart {
  type: 'frame'
  /** From 1. */
  frame: number
  /** Number of frames of the animation. */
  frames: number
  /** When the frame appears, in milliseconds from the start of the animation. */
  timeMs: number
}

/** The part of a file that is one image. */
export type FilePart = PagePart | FramePart

/**
 * Returns the id of a page or of a frame. It looks like the id of a file. The first frame has the id of its file,
 * because a file without `frames` shows this frame.
 * @param file `sha256:<64 hex digits>` of the bytes of the file
 * @param number from 1
 */
export function partId (file: string, type: FilePart['type'], number: number): string {
  if (type === 'frame' && number === 1) return file
  return `sha256:${createHash('sha256').update(`${type} ${number} of ${file}`).digest('hex')}`
}

/** Returns the number of a page or of a frame, from 1. */
export function numberOf (part: FilePart): number {
  return part.type === 'page' ? part.page : part.frame
}
