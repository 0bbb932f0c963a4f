import { createDraw, type Draw } from './lib/draw.ts'
import type { Images } from './lib/images.ts'
import type { Fault } from './faults/fault.ts'
import type { Draft, Kind } from './requests/kind.ts'

export interface PlannedRequest extends Draft {
  /** Index in the whole run, from 0. */
  number: number
  kind: string
  /** Pause of the client before it sends the request. */
  thinkMs: number
}

export interface PlannedFault {
  fault: Fault
  /** Number of the request with which the fault is scheduled. */
  at: number
  /** Delay after that request. */
  delayMs: number
  draw: Draw
}

export interface Round {
  number: number
  requests: PlannedRequest[]
  faults: PlannedFault[]
}

export interface PlanOptions {
  seed: number
  kinds: readonly Kind[]
  faults: readonly Fault[]
  images: Images
  model: string
}

export interface Plan {
  /** Makes a request. It does not depend on earlier calls. */
  request (number: number): PlannedRequest
  /** Makes a round. Rounds must be made in order. */
  round (number: number): Round
}

/** After each round the service becomes idle and is checked. */
const REQUESTS_IN_ROUND = { least: 30, most: 60 }
const THINK_MS = 30
const DELAY_MS = 300
/** Rounds without a fault in each deck. */
const EMPTY_CARDS = 2
/** Separates the draws for rounds from those for requests. */
const ROUND_SALT = 0x5eed

/** Plans requests and faults from a seed. Only their timing differs from run to run. */
export function createPlan ({ seed, kinds, faults, images, model }: PlanOptions): Plan {
  const total = kinds.reduce((sum, { weight }) => sum + weight, 0)
  let firstOfNextRound = 0

  function drawKind (draw: Draw): Kind {
    let left = draw.integer(total)
    return kinds.find(({ weight }) => (left -= weight) < 0)!
  }

  function request (number: number): PlannedRequest {
    const draw = createDraw(seed, number)
    const thinkMs = draw.integer(THINK_MS)
    const kind = drawKind(draw)
    return { number, kind: kind.name, thinkMs, ...kind.make({ draw, images, model }) }
  }

  /** Draws faults from a shuffled deck, so that even a short run contains every fault. */
  function cardOf (round: number): Fault | null {
    const cards =
      [...faults.flatMap(fault => Array<Fault | null>(fault.cards).fill(fault)), ...Array<null>(EMPTY_CARDS).fill(null)]
    const deck = createDraw(seed ^ ROUND_SALT, -1 - Math.floor(round / cards.length)).shuffled(cards)
    return deck[round % deck.length]!
  }

  return {
    request,
    round (number) {
      const draw = createDraw(seed ^ ROUND_SALT, number)
      const first = firstOfNextRound
      const count = draw.between(REQUESTS_IN_ROUND.least, REQUESTS_IN_ROUND.most)
      firstOfNextRound += count
      const fault = cardOf(number)
      return {
        number,
        requests: Array.from({ length: count }, (_, i) => request(first + i)),
        faults: fault === null
          ? []
          : [{ fault, at: first + draw.integer(Math.ceil(count / 2)), delayMs: draw.integer(DELAY_MS), draw }]
      }
    }
  }
}
