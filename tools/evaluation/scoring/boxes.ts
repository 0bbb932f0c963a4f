import type { ExpectedBox } from '../examples.ts'
import { matches } from './matching.ts'
import type { FoundBox, Verdict } from './verdict.ts'

const DEFAULT_IOU = 0.5

/**
 * Pairs expected and found boxes. The answer is right if every box has exactly one partner. Partners are boxes of the
 * same image whose intersection over union is at least `iou`; the found label contains the expected one, ignoring case.
 */
export function scoreBoxes (expected: ExpectedBox[], found: FoundBox[], iou = DEFAULT_IOU): Verdict {
  const isOf = ({ picture = 1, label = '' }: ExpectedBox, one: FoundBox) =>
    one.image === picture - 1 && one.label.toLowerCase().includes(label.toLowerCase())
  const fits = (wanted: ExpectedBox, one: FoundBox) =>
    isOf(wanted, one) && intersectionOverUnion(wanted.box, one.box) >= iou
  const ious = expected.map(wanted =>
    Math.max(0, ...found.filter(one => isOf(wanted, one)).map(one => intersectionOverUnion(wanted.box, one.box))))
  const right = matches(expected, found, fits)
  if (right) return { right, why: '', ious }
  const missed = expected.flatMap((wanted, index) => found.some(one => fits(wanted, one)) ? [] : [index + 1])
  const why = missed.length > 0
    ? `no found box matches expected box ${missed.join(', ')}`
    : found.length > expected.length
      ? `${found.length} boxes instead of the expected ${expected.length}`
      : 'one found box is the only match of two expected ones'
  return { right, why, ious }
}

/**
 * Common area divided by the area that both boxes cover together, 0 to 1.
 * @param a,b x1, y1, x2, y2 with x1 ≤ x2 and y1 ≤ y2
 */
export function intersectionOverUnion (a: number[], b: number[]): number {
  const [ax1, ay1, ax2, ay2] = a as [number, number, number, number]
  const [bx1, by1, bx2, by2] = b as [number, number, number, number]
  const common =
    Math.max(0, Math.min(ax2, bx2) - Math.max(ax1, bx1)) * Math.max(0, Math.min(ay2, by2) - Math.max(ay1, by1))
  const union = (ax2 - ax1) * (ay2 - ay1) + (bx2 - bx1) * (by2 - by1) - common
  return union > 0 ? common / union : 0
}
