import type { Expectation } from '../examples.ts'
import { scoreBoxes, type FoundBox } from './boxes.ts'
import { scoreJson } from './json.ts'
import { scoreContains, scoreExact } from './text.ts'

export interface Answer {
  response: string
  /** In pixels of the pictures that were sent. */
  boxes: FoundBox[]
}

export interface Verdict {
  right: boolean
  /** Empty when it is right. */
  why: string
  /** Of each expected box: the most that a found one of its picture and label overlaps with it. */
  ious?: number[]
}

/** Whether an answer is what was expected. Pure. */
export function score (expect: Expectation, { response, boxes }: Answer): Verdict {
  if (expect.boxes !== undefined) return scoreBoxes(expect.boxes, boxes, expect.iou)
  if (expect.exact !== undefined) return verdict(scoreExact([expect.exact].flat(), response))
  if (expect.contains !== undefined) return verdict(scoreContains([expect.contains].flat(), response))
  return verdict(scoreJson(expect.json, response, expect.unordered))
}

function verdict (why: string): Verdict {
  return { right: why === '', why }
}
