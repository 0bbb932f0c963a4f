import type { Draw } from '../lib/draw.ts'
import type { Sending } from '../lib/exchange.ts'
import type { Images } from '../lib/images.ts'

/** What a request is made of. */
export interface Material {
  draw: Draw
  images: Images
  /** As `/v1/models` names it. */
  model: string
}

/** A request before it has a number. */
export interface Draft {
  sending: Sending
  /**
   * Endings that are right for it, as `Ending` names them; `*` at the end stands for anything. Refusals for lack of room are always right
   * where a slot is needed, and those that a fault excuses while it is on.
   */
  right: readonly string[]
  /** The only right text of a complete answer. */
  text?: string
  /** It is sent so many times at once, on a connection each. */
  copies?: number
  /** Sent a moment before it, on connections of their own. */
  ahead?: readonly Draft[]
  /** Which of its kind it is. */
  detail?: string
}

/** A generator of requests. */
export interface Kind {
  name: string
  /** How often it comes, against the others. */
  weight: number
  make (material: Material): Draft
}

/** One request, one answer. */
export function draft (
  bytes: Buffer, right: string | readonly string[], more: Partial<Draft> & { sending?: never } = {},
  sending: Partial<Sending> = {}
): Draft {
  return { sending: { bytes, answers: 1, ...sending }, right: [right].flat(), ...more }
}
