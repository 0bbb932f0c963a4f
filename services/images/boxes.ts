import type { Box, Point } from '../../schemas/image.ts'
import type { Size } from './plan.ts'
import { findImageNumbers, findPointings } from './pointing.ts'

/**
 * The units of the coordinates in an answer.
 * - `pixels`: pixels of the prepared image (Qwen2.5-VL);
 * - `grid1000`: thousandths of the width and of the height (Qwen2-VL, Qwen3-VL).
 */
export type Coordinates = 'pixels' | 'grid1000'

/** An image of the conversation to which a box or a point can belong. */
export interface PointedImage {
  /** `sha256:<64 hex digits>` */
  id: string
  /** Size of the file that the client sent, in pixels, with its orientation applied. */
  original: Size
  /** Size of the prepared image that the model gets, in pixels. */
  sent: Size
  /** True for an image of the latest turn of the user. */
  latest: boolean
}

/**
 * Finds the boxes and points in an answer and converts them to pixels of the original images. `findPointings` lists
 * the forms that are recognized. Coordinates are clamped to the image and not rounded.
 *
 * The image of a box or point is the first of these that exists:
 * 1. the image that the object or a surrounding object names;
 * 2. the image of the nearest heading, in a conversation with several images;
 * 3. the only image that the question names;
 * 4. the first image of the latest turn;
 * 5. the first image of the conversation.
 *
 * Numbers count the images of the latest turn if it has that many: people who send two images call them the first and
 * the second, and the prompt does not number images, so the model uses the words of the question. If the question or
 * the answer contains a number for which the latest turn has too few images, all numbers count the images of the
 * conversation.
 *
 * These are left out: boxes and points of an image that does not exist, boxes completely outside of their image, and
 * boxes whose corners are equal (models write `[0, 0, 0, 0]` for "not found"). A box with only one side of zero length
 * stays, because a thin object can be flat in the units of the model.
 *
 * @param text the answer of the model
 * @param images all images of the conversation, in the order of the prompt
 * @param question text of the latest turn of the user
 * @returns boxes and points, each in the order of the text
 * @example
 * const image = { id, original: { width: 4032, height: 3024 }, sent: { width: 1008, height: 756 }, latest: true }
 * findBoxes('{"bbox_2d": [100, 200, 301, 400], "label": "dog"}', [image], 'pixels').boxes
 * // [{ image: 0, id, label: 'dog', box: [400, 800, 1204, 1600] }]
 */
export function findBoxes (
  text: string, images: PointedImage[], coordinates: Coordinates, question = ''
): { boxes: Box[], points: Point[] } {
  const boxes: Box[] = []
  const points: Point[] = []
  if (images.length === 0) return { boxes, points }

  const pointings = findPointings(text)
  const asked = findImageNumbers(question)
  const start = startOfNumbers(images, [
    ...[...asked, ...findImageNumbers(text)].map(number => number - 1),
    ...pointings.flatMap(({ image, heading }) => [image, heading]).filter(index => index !== null)
  ])
  const firstLatest = Math.max(0, images.findIndex(({ latest }) => latest))
  const imageAt = (number: number) => number >= 0 && start + number < images.length ? start + number : null
  const byDefault = (asked.length === 1 ? imageAt(asked[0]! - 1) : null) ?? firstLatest
  for (const { shape, numbers, label, image: namedIndex, heading } of pointings) {
    // In the only image, a heading such as "图2：" is a caption that the model read in the image.
    const number = namedIndex ?? (images.length > 1 ? heading : null)
    const index = number === null ? byDefault : imageAt(number)
    const image = index === null ? undefined : images[index]
    if (index === null || image === undefined) continue

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

/**
 * Returns the index of the image at which numbers begin: the first of the latest turn, or of the conversation.
 * @param indexes all indexes, from 0, that the question and the answer contain
 */
function startOfNumbers (images: PointedImage[], indexes: number[]): number {
  const latest = images.filter(image => image.latest).length
  // A number beyond all images, e.g. a caption that the model read, names none.
  const isTooLarge = indexes.some(index => index >= latest && index < images.length)
  return latest === 0 || isTooLarge ? 0 : images.findIndex(image => image.latest)
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

/** Converts alternating x and y coordinates from the units of the model to pixels of the original. */
function toOriginal (numbers: number[], { original, sent }: PointedImage, coordinates: Coordinates): number[] {
  const units = coordinates === 'pixels' ? sent : { width: 1000, height: 1000 }
  return numbers.map((number, i) => {
    const side = i % 2 === 0 ? 'width' : 'height'
    // The multiplication comes first, so that only one rounding occurs: 3 * 3024 / 1000 is 9.072, but 3 / 1000 * 3024
    // is 9.072000000000001.
    return number * original[side] / units[side]
  })
}

function clamp (value: number, most: number): number {
  return Math.min(Math.max(value, 0), most)
}
