import { setTimeout as sleep } from 'node:timers/promises'
import { comes, type Fault } from './fault.ts'

/** The longest pause before a restart, plus the time to load the model. */
const BACK_WITHIN_MS = 45_000
/** Well below the time after which the service kills a silent engine. */
const STOP_MS = { least: 300, most: 4000 }

/** The engine process dies, as after a failed assertion in native code or without memory. */
export const engineKill: Fault = {
  name: 'engine-kill',
  cards: 2,
  excuses: ['error 503 ENGINE_NOT_READY', 'error 503 ENGINE_CRASHED', 'event ENGINE_CRASHED', 'event ENGINE_NOT_READY'],
  stalls: false,
  missing: () => null,

  async run ({ service, violation }) {
    const pid = service.enginePid()
    if (pid === null) return 'there was no engine to kill'
    const since = Date.now()
    process.kill(pid, 'SIGKILL')
    const isBack = await comes(async () => {
      const now = service.enginePid()
      return now !== null && now !== pid && await service.isReady()
    }, BACK_WITHIN_MS)
    if (!isBack) violation(`the engine did not come back within ${BACK_WITHIN_MS} ms`)
    return `back after ${Date.now() - since} ms`
  }
}

/** The engine process stops for a while and continues, as on a machine that swaps. */
export const engineStop: Fault = {
  name: 'engine-stop',
  cards: 2,
  excuses: [],
  stalls: true,
  missing: () => null,

  async run ({ service }, draw) {
    const pid = service.enginePid()
    if (pid === null) return 'there was no engine to stop'
    const ms = draw.between(STOP_MS.least, STOP_MS.most)
    process.kill(pid, 'SIGSTOP')
    await sleep(ms)
    process.kill(pid, 'SIGCONT')
    return `for ${ms} ms`
  }
}
