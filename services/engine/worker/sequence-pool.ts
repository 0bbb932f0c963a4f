import type { Prompt, Sequence } from './sequence.ts'

/**
 * The sequences that no answer uses. They keep their KV cache, and a prompt gets the sequence with the lowest `costOf`.
 */
export class SequencePool {
  #idle: Sequence[]
  #waiting = new Set<(sequence: Sequence) => void>()

  constructor (sequences: Sequence[]) {
    this.#idle = [...sequences]
  }

  /**
   * Takes the cheapest idle sequence. If none is idle, it waits; waiting requests are served in the order of their
   * calls.
   * @throws the reason of `signal`
   */
  async take (prompt: Prompt, signal: AbortSignal): Promise<Sequence> {
    signal.throwIfAborted()
    if (this.#idle.length === 0) return await this.#wait(signal)
    const now = performance.now()
    const costs = this.#idle.map(sequence => sequence.costOf(prompt, now))
    const [sequence] = this.#idle.splice(costs.indexOf(Math.min(...costs)), 1)
    return sequence!
  }

  giveBack (sequence: Sequence): void {
    sequence.markUsed(performance.now())
    const [next] = this.#waiting
    if (next) next(sequence)
    else this.#idle.push(sequence)
  }

  #wait (signal: AbortSignal): Promise<Sequence> {
    return new Promise((resolve, reject) => {
      const receive = (sequence: Sequence) => {
        leave()
        resolve(sequence)
      }
      const giveUp = () => {
        leave()
        reject(signal.reason)
      }
      const leave = () => {
        this.#waiting.delete(receive)
        signal.removeEventListener('abort', giveUp)
      }
      this.#waiting.add(receive)
      signal.addEventListener('abort', giveUp, { once: true })
    })
  }
}
