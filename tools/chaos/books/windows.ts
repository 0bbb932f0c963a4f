import type { Fault } from '../faults/fault.ts'

/** The time during which a fault was active, on the clock of `Date.now()`. */
export interface Window {
  fault: Fault
  /** Number of the request with which the fault started. */
  at: number
  from: number
  /** Null while the fault is active. */
  to: number | null
  note: string
}

/** Effects of a fault may appear a moment later, in a log line or in a connection that is being closed. */
const AFTER_MS = 1_000

/** The faults of a run, and the endings that they excuse. */
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

  /** Whether a fault that was active between two moments excuses an ending. */
  excuse (ending: string, from: number, to: number): boolean {
    return this.#recent().some(window =>
      window.from <= to && (window.to ?? Infinity) >= from && window.fault.excuses.includes(ending))
  }

  /** Whether a fault with one of these names is active, or was a moment ago. */
  isOn (...names: string[]): boolean {
    const now = Date.now()
    return this.#recent().some(({ fault, to }) => names.includes(fault.name) && (to === null || now - to < AFTER_MS))
  }

  /** Returns the end of the time in which a fault may have delayed the release of slots and files. */
  stalledUntil (): number {
    return Math.max(0, ...this.#recent().filter(({ fault }) => fault.stalls).map(({ to }) => to ?? Date.now()))
  }

  /** Each round has one fault. Older ones no longer matter. */
  #recent (): Window[] {
    return this.all.slice(-4)
  }
}
