import type { Draw } from '../lib/draw.ts'
import type { Service } from '../service.ts'

/** What a fault may lay hands on. */
export interface Field {
  service: Service
  /** Where the upload folder's file system can be filled: a mount of its own, or null. */
  disk: string | null
  /** Something that must not be happens in the course of the fault itself. */
  violation (what: string): void
}

export interface Fault {
  name: string
  /** How often it comes in a deck of rounds. */
  cards: number
  /** Endings that are right for requests which it meets, beside their own. */
  excuses: readonly string[]
  /** While it is on, slots and files come back late or not at all. */
  stalls: boolean
  /** Why it cannot be done here, null when it can. */
  missing (field: Pick<Field, 'disk'>): string | null
  /**
   * Does it and settles when nothing of it is left to be noticed.
   * @returns what was done, for the report
   */
  run (field: Field, draw: Draw): Promise<string>
}

/** Waits for something that must come. Returns whether it did. */
export async function comes (condition: () => boolean | Promise<boolean>, withinMs: number): Promise<boolean> {
  const deadline = Date.now() + withinMs
  while (!await condition()) {
    if (Date.now() > deadline) return false
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  return true
}
