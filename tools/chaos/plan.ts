import { createDraw, type Draw } from './lib/draw.ts'
import type { Images } from './lib/images.ts'
import type { Fault } from './faults/fault.ts'
import type { Draft, Kind } from './requests/kind.ts'

/** A request of the plan. */
export interface PlannedRequest extends Draft {
  /** From 0, over the whole run. */
  number: number
  kind: string
  /** How long its client waits before it sends it. */
  thinkMs: number
}

/** A fault, and when it comes. */
export interface PlannedFault {
  fault: Fault
  /** With this request of the run, and so long after it. */
  at: number
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
  /** The same whatever came before. */
  request (number: number): PlannedRequest
  /** Rounds must be asked for in order. */
  round (number: number): Round
}

/** After each round everything comes to rest, and the books are compared. */
const REQUESTS_IN_ROUND = { least: 30, most: 60 }
const THINK_MS = 30
const DELAY_MS = 300
/** Rounds without a fault, in each deck. */
const EMPTY_CARDS = 2
/** What is drawn for rounds must not be what is drawn for requests. */
const ROUND_SALT = 0x5eed

/** What is sent and what is done to the service, in which order: all of it from the seed. Only time differs from run to run. */
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

  /** Cards of a deck, so that every fault comes as often as it should in a short run too. */
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
