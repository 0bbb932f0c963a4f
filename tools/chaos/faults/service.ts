import { setTimeout as sleep } from 'node:timers/promises'
import { isAlive } from '../lib/proc.ts'
import { LIMITS } from '../settings.ts'
import { comes, type Fault, type Field } from './fault.ts'

const DOWN_MS = 500
/** The child notices that its parent is gone, whatever it computes. */
const CHILD_GONE_WITHIN_MS = 5_000
/** The grace time, last words, and closing the model; see server.ts. */
const TERM_WITHIN_MS = LIMITS.shutdownGraceS * 1000 + 10_000

/** What comes in the moment of its end is in the queue of the system, and nobody takes it out. */
const STARTING = ['no connection', 'not accepted by the service', 'error 503', 'error 503 ENGINE_NOT_READY']

async function endAndStart (
  { service, violation }: Field, signal: 'SIGTERM' | 'SIGKILL', downMs: number
): Promise<{ code: number | null, ms: number }> {
  const engine = service.enginePid()
  const since = Date.now()
  const { code } = await service.end(signal)
  const ms = Date.now() - since
  if (engine !== null && !await comes(() => !isAlive(engine), CHILD_GONE_WITHIN_MS)) {
    violation(`the engine outlived its service by ${CHILD_GONE_WITHIN_MS} ms`)
  }
  await sleep(downMs)
  await service.start()
  return { code, ms }
}

/** The service dies without a word, as for lack of memory, and is started again. */
export const serviceKill: Fault = {
  name: 'service-kill',
  cards: 1,
  excuses: ['cut by the service', 'error 503 ENGINE_CRASHED', ...STARTING],
  stalls: true,
  missing: () => null,

  async run (field, draw) {
    const downMs = draw.integer(DOWN_MS)
    await endAndStart(field, 'SIGKILL', downMs)
    return `down for ${downMs} ms`
  }
}

/** The service is asked to stop while it works, as in every deployment, and is started again. */
export const serviceTerm: Fault = {
  name: 'service-term',
  cards: 1,
  excuses: ['error 503 SHUTTING_DOWN', 'event SHUTTING_DOWN', ...STARTING],
  stalls: true,
  missing: () => null,

  async run (field, draw) {
    const { code, ms } = await endAndStart(field, 'SIGTERM', draw.integer(DOWN_MS))
    if (code !== 0) field.violation(`SIGTERM ended the service with exit code ${code}`)
    if (ms > TERM_WITHIN_MS) field.violation(`SIGTERM took ${ms} ms`)
    return `stopped after ${ms} ms`
  }
}
