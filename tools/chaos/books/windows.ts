import type { Fault } from '../faults/fault.ts'

/** When a fault was on, on the clock of `Date.now()`. */
export interface Window {
  fault: Fault
  /** The request with which it came. */
  at: number
  from: number
  /** Null while it is on. */
  to: number | null
  note: string
}

/** What a fault leaves may be noticed a moment later: in a line of the log, in a connection that is being closed. */
const AFTER_MS = 1_000

/** Faults of a run, and what they excuse. */
export class Windows {
  readonly all: Window[] = []

  open (fault: Fault, at: number): Window {
    const window: Window = { fault, at, from: Date.now(), to: null, note: '' }
    this.all.push(window)
    return window
  }

  close (window: Window, note: string): void {
    window.to = Date.now()
    window.note = note
  }

  /** Some fault that was on at some time between these two excuses this ending. */
  excuse (ending: string, from: number, to: number): boolean {
    return this.#recent().some(window =>
      window.from <= to && (window.to ?? Infinity) >= from && window.fault.excuses.includes(ending))
  }

  /** A fault of one of these names is on, or was a moment ago. */
  isOn (...names: string[]): boolean {
    const now = Date.now()
    return this.#recent().some(({ fault, to }) => names.includes(fault.name) && (to === null || now - to < AFTER_MS))
  }

  /** Until when slots and files could not be given back; now, while that is so. */
  stalledUntil (): number {
    return Math.max(0, ...this.#recent().filter(({ fault }) => fault.stalls).map(({ to }) => to ?? Date.now()))
  }

  /** Rounds have one each; older ones are over long since. */
  #recent (): Window[] {
    return this.all.slice(-4)
  }
}
