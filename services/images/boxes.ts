import { Type, type Static } from 'typebox'
import type { Size } from './plan.ts'
import { findImageAskedAbout, findPointings } from './pointing.ts'

/**
 * What the numbers of a model mean.
 * - `pixels`: pixels of the prepared image, as Qwen2.5-VL says them;
 * - `grid1000`: thousandths of the width and the height, as Qwen2-VL and Qwen3-VL say them.
 */
export type Coordinates = 'pixels' | 'grid1000'

/** An image of the conversation. */
export interface PointedImage {
  /** `sha256:<64 hex digits>` */
  id: string
  /** Upright pixels of the image that was sent. */
  original: Size
  /** Pixels of the prepared image. */
  sent: Size
  /** It belongs to the latest turn of the user. */
  latest: boolean
}

// Lists of fixed length and not Type.Tuple: `items` as a list of schemas is no longer JSON Schema in OpenAPI 3.1.
const numbersSchema = <T extends number[]>(length: T['length'], description: string) =>
  Type.Unsafe<T>(Type.Array(Type.Number(), { minItems: length, maxItems: length, description }))

const pointed = {
  image: Type.Integer({
    minimum: 0, description: 'Index of the picture among all of the conversation, in the order of the prompt, from 0'
  }),
  id: Type.String({ pattern: '^sha256:[0-9a-f]{64}$', description: 'Id of the picture, as its receipt gave it' }),
  label: Type.String({ description: 'What the model calls it; may be empty' })
}

export const BoxSchema = Type.Object({
  ...pointed,
  box: numbersSchema<[x1: number, y1: number, x2: number, y2: number]>(
    4, 'x1, y1, x2, y2 in pixels of the picture that was sent, upright; x1 ≤ x2, y1 ≤ y2'
  )
}, { title: 'Box', additionalProperties: false, description: 'A box that the model drew in its answer' })
export type Box = Static<typeof BoxSchema>

export const PointSchema = Type.Object({
  ...pointed,
  point: numbersSchema<[x: number, y: number]>(2, 'x, y in pixels of the picture that was sent, upright')
}, { title: 'Point', additionalProperties: false, description: 'A point that the model set in its answer' })
export type Point = Static<typeof PointSchema>

/**
 * Finds the boxes and points in an answer (`findPointings` says in which forms) and maps them to the pixels of the images that
 * were sent, clamped to them. Nothing is rounded: a place that the model rounded to its own units is at most half such a unit off.
 *
 * A place belongs to the image that is named with it, or by the nearest heading, or else to the one image that the question
 * names, or else to the first of the latest turn, or of the conversation when that turn has none. One that names an image that there
 * is not is left out; so is a box without any extent ([0, 0, 0, 0] means "there is none") or wholly outside of its image. A box may
 * be flat: a thin thing is, in the model's units.
 *
 * @param images all images of the conversation, in the order of the prompt
 * @param question what the latest turn of the user says
 * @returns in the order of the text
 */
export function findBoxes (
  text: string, images: PointedImage[], coordinates: Coordinates, question = ''
): { boxes: Box[], points: Point[] } {
  const boxes: Box[] = []
  const points: Point[] = []
  if (images.length === 0) return { boxes, points }

  const asked = findImageAskedAbout(question)
  const byDefault = asked !== null && asked in images ? asked : Math.max(0, images.findIndex(({ latest }) => latest))
  for (const { shape, numbers, label, image: namedIndex, heading } of findPointings(text)) {
    // "图2：" above a place in the only image is a caption in it.
    const index = namedIndex ?? (images.length > 1 ? heading : null) ?? byDefault
    const image = images[index]
    if (image === undefined) continue

    const of = { image: index, id: image.id, label }
    if (shape === 'box') {
      const box = toBox(numbers, image, coordinates)
      if (box !== null) boxes.push({ ...of, box })
    } else {
      const [x, y] = toOriginal(numbers, image, coordinates)
      const { width, height } = image.original
      points.push({ ...of, point: [clamp(x!, width), clamp(y!, height)] })
    }
  }
  return { boxes, points }
}

function toBox (numbers: number[], image: PointedImage, coordinates: Coordinates): Box['box'] | null {
  const { width, height } = image.original
  const [x1, y1, x2, y2] = toOriginal(numbers, image, coordinates) as Box['box']
  const [left, right] = x1 < x2 ? [x1, x2] : [x2, x1]
  const [top, bottom] = y1 < y2 ? [y1, y2] : [y2, y1]
  if (right < 0 || bottom < 0 || left > width || top > height) return null

  const box: Box['box'] = [clamp(left, width), clamp(top, height), clamp(right, width), clamp(bottom, height)]
  return box[0] === box[2] && box[1] === box[3] ? null : box
}

/** x and y in turn, from the model's units to pixels of the original. */
function toOriginal (numbers: number[], { original, sent }: PointedImage, coordinates: Coordinates): number[] {
  const units = coordinates === 'pixels' ? sent : { width: 1000, height: 1000 }
  return numbers.map((number, i) => {
    const side = i % 2 === 0 ? 'width' : 'height'
    // Multiplied first, so that there is one rounding only: 3 of 1000 is 9.072 of 3024 and not 9.072000000000001.
    return number * original[side] / units[side]
  })
}

function clamp (value: number, most: number): number {
  return Math.min(Math.max(value, 0), most)
}
