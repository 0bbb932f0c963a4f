import type { Token } from 'node-llama-cpp'
import type { Segment } from './prompt.ts'

/**
 * The places of a prompt that are worth a checkpoint, because a later prompt can differ right behind them:
 * - `image`: behind the last image. Another question about the same images continues here.
 * - `turn`: before the last turn. An edited question continues here.
 * - `answer`: before the turn of the answer. A repeated or a further question continues here, because templates that
 *   think render an answer of the history differently from the beginning of a new one.
 */
export type Place = 'image' | 'turn' | 'answer'

/** A part of a prompt to evaluate, or a checkpoint to save between two parts. */
export type PrefillStep = Segment | { type: 'checkpoint', place: Place }

export interface PrefillPlan {
  steps: PrefillStep[]
  /** The end of the prompt, whose evaluation yields the first token of the answer. At least one token. */
  tail: Token[]
}

/**
 * Returns the length of the next slice. It leaves no slice of one token behind, because on CPUs one row differs from
 * several rows in the last bits (`Decoder.reproducible`).
 * @param left number of tokens to evaluate
 * @param most at least 3
 */
export function sliceOf (left: number, most: number): number {
  const length = Math.min(left, most)
  return left - length === 1 ? length - 1 : length
}

/**
 * Plans the evaluation of a prompt's end.
 * @param rest ends with text
 * @param mostTail maximum length of the tail in tokens
 * @param turnStart the token that begins a turn, to plan checkpoints; null for none
 * @throws Error when `rest` ends with an image
 */
export function planPrefill (rest: Segment[], mostTail: number, turnStart: Token | null): PrefillPlan {
  const last = rest.at(-1)
  if (last?.type !== 'text') throw new Error('The chat template ends with an image, not with text')
  const places = turnStart === null ? [] : findPlaces(rest, turnStart)
  const answer = places.find(({ place }) => place === 'answer')
  const start = answer?.segment === rest.length - 1 ? answer.offset : 0
  const left = last.tokens.length - start
  const tailStart = left > mostTail ? last.tokens.length - sliceOf(left, mostTail) : start

  const steps: PrefillStep[] = []
  for (const [index, segment] of rest.entries()) {
    if (segment.type === 'image') {
      steps.push(segment)
      if (places.some(({ place, segment }) => place === 'image' && segment === index)) {
        steps.push({ type: 'checkpoint', place: 'image' })
      }
      continue
    }
    let done = 0
    const addText = (end: number) => {
      if (end > done) steps.push({ type: 'text', tokens: segment.tokens.slice(done, end) })
      done = end
    }
    for (const { place, segment: at, offset } of places) {
      if (place === 'image' || at !== index) continue
      addText(offset)
      steps.push({ type: 'checkpoint', place })
    }
    addText(segment === last ? tailStart : segment.tokens.length)
  }
  return { steps, tail: last.tokens.slice(tailStart) }
}

interface Found {
  place: Place
  /** Index in `rest`. */
  segment: number
  /** Index of a token within the segment; 0 for an image. */
  offset: number
}

/** Returns the places in the order of the prompt. */
function findPlaces (rest: Segment[], turnStart: Token): Found[] {
  const turns = rest.flatMap((segment, index) => segment.type === 'image'
    ? []
    : segment.tokens.flatMap((token, offset) => token === turnStart ? [{ segment: index, offset }] : []))
  const image = rest.findLastIndex(({ type }) => type === 'image')
  const found: Found[] = []
  if (image >= 0) found.push({ place: 'image', segment: image, offset: 0 })
  const [turn, answer] = [turns.at(-2), turns.at(-1)]
  if (turn !== undefined) found.push({ place: 'turn', ...turn })
  if (answer !== undefined) found.push({ place: 'answer', ...answer })
  return found.sort((a, b) => a.segment - b.segment || a.offset - b.offset)
}
