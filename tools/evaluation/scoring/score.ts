import type { Expectation } from '../examples.ts'
import { scoreBoxes } from './boxes.ts'
import { scoreJson } from './json.ts'
import { scoreContains, scoreExact } from './text.ts'
import type { FoundBox, Verdict } from './verdict.ts'

export interface Answer {
  response: string
  boxes: FoundBox[]
}

/** Compares an answer with what an example expects. */
export function score (expect: Expectation, { response, boxes }: Answer): Verdict {
  if (expect.boxes !== undefined) return scoreBoxes(expect.boxes, boxes, expect.iou)
  if (expect.exact !== undefined) return verdict(scoreExact([expect.exact].flat(), response))
  if (expect.contains !== undefined) return verdict(scoreContains([expect.contains].flat(), response))
  return verdict(scoreJson(expect.json, response, expect.unordered))
}

function verdict (why: string): Verdict {
  return { right: why === '', why }
}
