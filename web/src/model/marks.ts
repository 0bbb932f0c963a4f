import type { Box, ChatDone, Point } from '../api/types.ts'
import type { StoredImage } from './conversation.ts'

export type MarkKind = 'box' | 'point'

/** A box or point of an answer. A point is a box without extent. */
export interface Mark {
  /** See `markKey`. */
  key: string
  kind: MarkKind
  /** Counted from 1 among the marks of the same kind in the answer. */
  number: number
  /** The model's name for it; may be empty. */
  label: string
  /** Index of the colour, from 0. Equal labels have equal colours; see `styles/image-marks.css`. */
  colour: number
  /** Pixels of the original image after EXIF rotation. */
  x1: number
  y1: number
  x2: number
  y2: number
}

export interface MarkedImage {
  id: string
  /** Null when the conversation does not contain the image. */
  image: StoredImage | null
  /** Counted from 1 across the conversation. For a missing image it is the number that the service uses. */
  number: number
  marks: Mark[]
}

/** The number of colours in `styles/image-marks.css`. */
export const COLOURS = 8

/** The key of a box or point of an answer. */
export function markKey (answerId: string, kind: MarkKind, index: number): string {
  return `${answerId}/${kind}/${index}`
}

/** The images that an answer refers to, with their marks, in the order of the conversation. */
export function markedImages (
  answerId: string, { boxes, points }: Pick<ChatDone, 'boxes' | 'points'>, images: readonly StoredImage[]
): MarkedImage[] {
  const colours = new Map<string, number>()
  const found = new Map<string, MarkedImage>()
  boxes.forEach((box, i) => add(box, 'box', i, box.box))
  points.forEach((point, i) => add(point, 'point', i, [...point.point, ...point.point]))
  return [...found.values()].sort((a, b) => a.number - b.number)

  function add (
    { id, image, label }: Box | Point, kind: MarkKind, index: number,
    [x1 = 0, y1 = 0, x2 = 0, y2 = 0]: readonly number[]
  ): void {
    const number = index + 1
    const name = label || `${kind} ${number}`
    const colour = colours.get(name) ?? colours.size % COLOURS
    colours.set(name, colour)
    const marked = found.get(id) ?? find(id, image)
    found.set(id, marked)
    marked.marks.push({ key: markKey(answerId, kind, index), kind, number, label, colour, x1, y1, x2, y2 })
  }

  function find (id: string, sentIndex: number): MarkedImage {
    // The service does not count images of questions without an answer, so its index is checked against the id.
    const index = images[sentIndex]?.id === id ? sentIndex : images.findIndex(image => image.id === id)
    return { id, image: images[index] ?? null, number: index < 0 ? sentIndex + 1 : index + 1, marks: [] }
  }
}
