import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'
import { Rounds as AnyRounds, type Member as AnyMember } from '../../../../services/engine/worker/rounds.ts'

/** A schedule that computes nothing: the result of a step is its item. */
export class Rounds extends AnyRounds<string, string> {
  constructor (run = async (items: string[]) => items) { super(run) }
}
export type Member = AnyMember<string, string>
export const never = new AbortController().signal

/** Returns whether the promise settles within a turn of the event loop. */
export async function settled (promise: Promise<unknown>): Promise<boolean> {
  let done = false
  promise.then(() => { done = true }, () => { done = true })
  await turn()
  return done
}

/** Takes `steps` steps, logs the name at each, and leaves. */
export async function generate (
  member: Member, name: string, steps: number, log: string[], pauseMs = 0
): Promise<void> {
  for (let i = 0; i < steps; i++) {
    log.push(await member.step(name))
    if (pauseMs > 0) await sleep(pauseMs)
  }
  member.leave()
}

/** Runs a slice that logs its beginning and its end. */
export const slice = (rounds: Rounds, name: string, log: string[], tokens = 1) => rounds.slice(tokens, async () => {
  log.push(`${name}(`)
  await turn()
  log.push(`)${name}`)
  return name
}, never)
