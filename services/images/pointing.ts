import { readLooseJson, type LooseJson, type LooseObject } from './loose-json.ts'

/** A box or a point in an answer, as the model wrote it. */
export interface Pointing {
  shape: 'box' | 'point'
  /**
   * `[x1, y1, x2, y2]` of a box, with its corners in any order, or `[x, y]` of a point. All numbers are finite and in
   * the units of the model.
   */
  numbers: number[]
  /** The label that the model gives; empty if there is none. */
  label: string
  /**
   * Index, from 0, of the image that the object or a surrounding object names; null if none is named. The conversation
   * may not contain such an image.
   */
  image: number | null
  /** Index, from 0, of the image in the nearest heading before the object; null if there is none. */
  heading: number | null
}

/** A number that a model gives to an image. */
interface ImageNumber {
  number: number
  /** True if the number always counts from 0. Other numbers count from 1, unless the answer mentions an image 0. */
  index: boolean
}

interface Found extends Omit<Pointing, 'image' | 'heading'> {
  image: ImageNumber | null
}

const BOX_KEYS = new Set(['bbox_2d', 'box_2d', 'bbox'])
const POINT_KEYS = new Set(['point_2d'])
const LABEL_KEYS = ['label', 'name', 'text_content', 'class', 'category', 'description']
const IMAGE_KEY = /^(?:image|img|picture|photo|图[片像]?|照片)[ _-]?(index|idx|id|number|no|编号|序号)?$/

const ORDINALS = ['first', 'second', 'third', 'fourth', 'fifth', 'sixth', 'seventh', 'eighth', 'ninth', 'tenth']
const NUMERALS = '一二三四五六七八九十'

/** Matches "Image 2", "image_2", "the second photo", "2nd image", "第2张图", "图二". One group contains the number. */
const NAME = [
  String.raw`(?<![a-z])(?:image|img|picture|photo)[ _#-]{0,2}(\d{1,3})(?!\w)`,
  String.raw`(?<!\w)(${ORDINALS.join('|')}|\d{1,3}(?:st|nd|rd|th)) (?:image|picture|photo)(?![a-z])`,
  String.raw`第 ?(\d{1,3}|[${NUMERALS}]) ?[张幅个]? ?(?:图|照片)`,
  String.raw`(?:图[片像]?|照片) ?(\d{1,3}|[${NUMERALS}])(?![\d${NUMERALS}])`
].join('|')
const NAMED = new RegExp(NAME, 'i')

const REF = /<\|object_ref_start\|>([^<]*)<\|object_ref_end\|>/y
const NUMBER = String.raw`[+-]?\d+(?:\.\d*)?`
const PAIR = String.raw`\(\s*${NUMBER}\s*[,，]\s*${NUMBER}\s*\)`
const PAIRS = new RegExp(String.raw`[\s,，、]*(<\|box_start\|>\s*)?(${PAIR}(?:[\s,，]*${PAIR})*)(\s*<\|box_end\|>)?`, 'y')
const POINT_TAG = /<points?((?:\s+[a-z]+\d*\s*=\s*(?:"[^"<>]*"|'[^'<>]*'))+)\s*\/?>(?:([^<]*)<\/point)?/iy

/** Matches the beginning of every form that `findPointings` recognizes. */
const BEGINNING = String.raw`[[{]|<\|object_ref_start\|>|<\|box_start\|>|<points?(?=\s)|${NAME}`

/**
 * Finds the boxes and points in an answer of a Qwen-VL model, in linear time. These forms are recognized:
 * - JSON anywhere in the text, even if it is cut off or slightly malformed (see `readLooseJson`). A box is `bbox_2d`,
 *   `box_2d` or `bbox` with four numbers, or a list of such boxes. A point is `point_2d` with two numbers, or a list of
 *   such points. The label is `label`, `name`, `text_content`, `class`, `category` or `description` of the same object.
 * - `<|object_ref_start|>label<|object_ref_end|><|box_start|>(x1,y1),(x2,y2)<|box_end|>`. The label may be missing, or
 *   the box tokens after a label. One pair alone is a point.
 * - `<point x="…" y="…">label</point>` and `<points x1="…" y1="…" x2=… alt="label">`.
 *
 * An object names its image by a key such as `image`, `picture` or `image_id`, in the object itself or in a surrounding
 * one, or by the key of a group (`{"Image 2": […]}`). A heading before the object names the image as well ("Image 2:",
 * "In the second image …:", "图2：", "第2张图"). Images count from 1, as in Qwen's chat template. They count from 0 if the
 * key says index (`image_index`, `image_idx`), or if the answer mentions an image 0.
 *
 * @returns boxes and points in the order of the text
 * @example
 * findPointings('Image 2: {"bbox_2d": [10, 20, 30, 40], "label": "dog"}')
 * // [{ shape: 'box', numbers: [10, 20, 30, 40], label: 'dog', image: null, heading: 1 }]
 */
export function findPointings (text: string): Pointing[] {
  const beginnings = new RegExp(BEGINNING, 'gi')
  const found: Array<Found & { heading: ImageNumber | null }> = []
  let heading: ImageNumber | null = null
  let fromZero = false
  const count = (image: ImageNumber) => { fromZero ||= image.number === 0 && !image.index }
  const add = (pointing: Found) => { if (pointing.numbers.every(Number.isFinite)) found.push({ ...pointing, heading }) }

  for (let match = beginnings.exec(text); match !== null; match = beginnings.exec(text)) {
    const { 0: beginning, index: start } = match
    if (beginning === '[' || beginning === '{') {
      const { value, end } = readLooseJson(text, start)
      readJson(value, null, add, count)
      beginnings.lastIndex = end
    } else if (beginning.startsWith('<point')) {
      beginnings.lastIndex = readPoints(text, start, add)
    } else if (beginning.startsWith('<|')) {
      beginnings.lastIndex = readBoxes(text, start, add)
    } else if (isHeading(text, start, beginnings.lastIndex)) {
      heading = { number: numberOf(match), index: false }
      count(heading)
    }
  }

  const indexOf = (image: ImageNumber | null) =>
    image === null ? null : image.index || fromZero ? image.number : image.number - 1
  return found.map(pointing => ({ ...pointing, image: indexOf(pointing.image), heading: indexOf(pointing.heading) }))
}

/**
 * Returns the different numbers that a text gives to images ("in the second photo", "图2"), from 1 and in the order of
 * the text.
 */
export function findImageNumbers (text: string): number[] {
  return [...new Set(Array.from(text.matchAll(new RegExp(NAME, 'gi')), numberOf))]
}

type Add = (pointing: Found) => void
type Count = (image: ImageNumber) => void

/** @param around the image that a surrounding object names */
function readJson (value: LooseJson, around: ImageNumber | null, add: Add, count: Count): void {
  if (typeof value !== 'object' || value === null) return
  if (Array.isArray(value)) {
    for (const item of value) readJson(item, around, add, count)
    return
  }

  const image = imageOf(value) ?? around
  if (image !== null) count(image)
  const label = labelOf(value)
  for (const [name, entry] of value.entries) {
    const key = name.toLowerCase()
    if (BOX_KEYS.has(key)) for (const numbers of vectors(entry, 4)) add({ shape: 'box', numbers, label, image })
    else if (POINT_KEYS.has(key)) {
      for (const numbers of vectors(entry, 2)) {
        add({ shape: 'point', numbers, label, image })
      }
    } else readJson(entry, namedIn(name) ?? image, add, count)
  }
}

function imageOf ({ entries }: LooseObject): ImageNumber | null {
  for (const [name, value] of entries) {
    const key = IMAGE_KEY.exec(name.toLowerCase())
    if (key === null) continue
    const number = toNumber(value)
    if (number !== null) return { number, index: key[1] === 'index' || key[1] === 'idx' }
    const named = typeof value === 'string' ? namedIn(value) : null
    if (named !== null) return named
  }
  return null
}

function labelOf ({ entries }: LooseObject): string {
  for (const key of LABEL_KEYS) {
    for (const [name, value] of entries) {
      if (name.toLowerCase() !== key || (typeof value !== 'string' && typeof value !== 'number')) continue
      const label = String(value).trim()
      if (label !== '') return label
    }
  }
  return ''
}

/** Returns all lists of exactly `length` numbers: the value itself, or the lists that it contains. */
function vectors (value: LooseJson, length: number): number[][] {
  if (!Array.isArray(value)) return []
  const lists = value.some(item => Array.isArray(item)) ? value.filter(item => Array.isArray(item)) : [value]
  return lists
    .filter(list => list.length === length)
    .map(list => list.map(toNumber).filter(number => number !== null))
    .filter(numbers => numbers.length === length)
}

function toNumber (value: LooseJson | undefined): number | null {
  if (typeof value === 'number') return value
  if (typeof value !== 'string' || !/^\s*[+-]?\d+(?:\.\d*)?(?:e[+-]?\d+)?\s*$/i.test(value)) return null
  return Number(value)
}

/** @returns the index after the last character that was read */
function readBoxes (text: string, start: number, add: Add): number {
  REF.lastIndex = start
  const ref = REF.exec(text)
  const label = ref?.[1]!.trim() ?? ''
  let end = ref === null ? start : REF.lastIndex
  // Coordinates without box tokens are a box only directly after a label, because models sometimes omit the tokens
  // there.
  for (let bare = ref !== null; ; bare = false) {
    PAIRS.lastIndex = end
    const match = PAIRS.exec(text)
    if (match === null || (match[1] === undefined && !bare)) break
    end = PAIRS.lastIndex
    for (const pointing of shapesOf(match[2]!, match[3] !== undefined)) add({ ...pointing, label, image: null })
  }
  // The result is at least after the `<`, so that the search advances.
  return Math.max(end, start + 1)
}

/** @param closed true if an end token follows the pairs, so the last box is complete */
function shapesOf (pairs: string, closed: boolean): Array<Pick<Pointing, 'shape' | 'numbers'>> {
  const numbers = Array.from(pairs.matchAll(new RegExp(NUMBER, 'g')), ([number]) => Number(number))
  if (numbers.length === 2) return closed ? [{ shape: 'point', numbers }] : []
  // Another number of pairs is a polygon.
  if (closed && numbers.length % 4 !== 0) return []
  return Array.from({ length: Math.floor(numbers.length / 4) }, (_, i) =>
    ({ shape: 'box', numbers: numbers.slice(4 * i, 4 * i + 4) }))
}

/** @returns the index after the last character that was read */
function readPoints (text: string, start: number, add: Add): number {
  POINT_TAG.lastIndex = start
  const tag = POINT_TAG.exec(text)
  if (tag === null) return start + 1
  const attributes = new Map(Array.from(tag[1]!.matchAll(/([a-z]+\d*)\s*=\s*["']([^"'<>]*)/gi), ([, name, value]) =>
    [name!.toLowerCase(), value!]))
  const label = tag[2]?.trim() || attributes.get('alt')?.trim() || ''
  for (const [name, value] of attributes) {
    if (!/^x\d*$/.test(name)) continue
    const numbers =
      [toNumber(value), toNumber(attributes.get(name.replace('x', 'y')))].filter(number => number !== null)
    if (numbers.length === 2) add({ shape: 'point', numbers, label, image: null })
  }
  return POINT_TAG.lastIndex
}

/** Characters of a heading that are read before and after the name of the image. A limit keeps the time linear. */
const REACH = 40

/** Returns true if the name of an image starts its line (except for markup), or if a colon or a line end follows it. */
function isHeading (text: string, start: number, end: number): boolean {
  const before = start <= REACH ? `\n${text.slice(0, start)}` : text.slice(start - REACH, start)
  if (/\n[^\p{L}\p{N}\n]*(?:(?:in|for|from|on|在|对于) ?)?(?:the )?$/iu.test(before)) return true
  const after = text.slice(end, end + REACH)
  return /^[^\n,.;:，。；：[{<]*[:：]/.test(after) || /^[^\p{L}\p{N}\n]*\n/u.test(after)
}

function namedIn (text: string): ImageNumber | null {
  const name = NAMED.exec(text)
  return name === null ? null : { number: numberOf(name), index: false }
}

function numberOf (name: RegExpExecArray): number {
  const word = name.slice(1).find(group => group !== undefined)!.toLowerCase()
  const ordinal = Math.max(ORDINALS.indexOf(word), NUMERALS.indexOf(word))
  return ordinal >= 0 ? ordinal + 1 : parseInt(word, 10)
}
