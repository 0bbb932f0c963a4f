import type { Draw } from '../lib/draw.ts'
import type { Sending } from '../lib/exchange.ts'
import type { Images } from '../lib/images.ts'

/** Input for making a request. */
export interface Material {
  draw: Draw
  images: Images
  /** Id of the model in `/v1/models`. */
  model: string
}

/** A request before it has a number. */
export interface Draft {
  sending: Sending
  /**
   * Right endings, by their names in `Ending`. `*` at the end matches anything. Refusals for lack of room are always
   * right, and during a fault also the endings that it excuses.
   */
  right: readonly string[]
  /** The only right text of an answer, if it is known. */
  text?: string
  /** Number of times that it is sent in parallel, each on its own connection. */
  copies?: number
  /** Requests that are sent a moment before it, on their own connections. */
  ahead?: readonly Draft[]
  /** Distinguishes requests of the same kind. */
  detail?: string
}

/** A generator of requests. */
export interface Kind {
  name: string
  /** Relative frequency. */
  weight: number
  make (material: Material): Draft
}

/** A draft of one request with one answer. */
export function draft (
  bytes: Buffer, right: string | readonly string[], more: Partial<Draft> & { sending?: never } = {},
  sending: Partial<Sending> = {}
): Draft {
  return { sending: { bytes, answers: 1, ...sending }, right: [right].flat(), ...more }
}
