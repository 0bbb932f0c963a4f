import type { Draw } from '../lib/draw.ts'
import type { Service } from '../service.ts'

/** Everything that a fault may act on. */
export interface Field {
  service: Service
  /** Mount point of the upload folder's own file system, which can be filled; or null. */
  disk: string | null
  /** Reports a violation that the fault itself has found. */
  violation (what: string): void
}

export interface Fault {
  name: string
  /** Number of rounds with this fault in a deck. */
  cards: number
  /** Endings that are also right for requests during the fault. */
  excuses: readonly string[]
  /** Whether the fault delays the release of slots and files. */
  stalls: boolean
  /** Why this machine does not allow the fault, or null. */
  missing (field: Pick<Field, 'disk'>): string | null
  /**
   * Causes the fault, and settles when its effects are over.
   * @returns a description for the report
   */
  run (field: Field, draw: Draw): Promise<string>
}

/** Waits for a condition. @returns whether it became true in time */
export async function comes (condition: () => boolean | Promise<boolean>, withinMs: number): Promise<boolean> {
  const deadline = Date.now() + withinMs
  while (!await condition()) {
    if (Date.now() > deadline) return false
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  return true
}
