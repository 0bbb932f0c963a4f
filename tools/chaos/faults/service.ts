import { setTimeout as sleep } from 'node:timers/promises'
import { isAlive } from '../lib/proc.ts'
import { LIMITS } from '../settings.ts'
import { comes, type Fault, type Field } from './fault.ts'

const DOWN_MS = 500
/** The engine process must notice the end of its parent within this time, even while it computes. */
const CHILD_GONE_WITHIN_MS = 5_000
/** SHUTDOWN_GRACE, plus the time to answer and to close the model; see server.ts. */
const TERM_WITHIN_MS = LIMITS.shutdownGraceS * 1000 + 10_000

/** At the moment of its end, the service may leave connections in the queue of the system without accepting them. */
const STARTING = ['no connection', 'not accepted by the service', 'error 503', 'error 503 ENGINE_NOT_READY']

async function endAndStart (
  { service, violation }: Field, signal: 'SIGTERM' | 'SIGKILL', downMs: number
): Promise<{ code: number | null, ms: number }> {
  const engine = service.enginePid()
  const since = Date.now()
  const { code } = await service.end(signal)
  const ms = Date.now() - since
  if (engine !== null && !await comes(() => !isAlive(engine), CHILD_GONE_WITHIN_MS)) {
    violation(`the engine was still running ${CHILD_GONE_WITHIN_MS} ms after the service ended`)
  }
  await sleep(downMs)
  await service.start()
  return { code, ms }
}

/** The service is killed, as by the system without memory, and started again. */
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

/** The service gets SIGTERM while it works, as in every deployment, and is started again. */
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
