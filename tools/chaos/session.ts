import { mkdtempSync, mkdirSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Checker, type Violation } from './checker.ts'
import { createDisk } from './faults/disk.ts'
import type { Fault, Field } from './faults/fault.ts'
import { exchange, type Exchange } from './lib/exchange.ts'
import { createImages } from './lib/images.ts'
import { createPlan, type Plan, type PlannedFault, type PlannedRequest, type Round } from './plan.ts'
import { KINDS } from './requests/index.ts'
import { createService, type Service } from './service.ts'
import { toEnvironment } from './settings.ts'

export interface SessionOptions {
  seed: number
  slots: number
  faults: readonly Fault[]
  onViolation? (violation: Violation): void
  /** Called after each round. */
  onRound? (round: number, checker: Checker): void
}

/** A request and its result. */
export interface Sent { request: PlannedRequest, exchange: Exchange, endings: string[] }

export interface Session {
  checker: Checker
  /** Faults that this machine does not allow, with the reason. */
  skipped: Array<{ name: string, reason: string }>
  readonly rounds: number
  /**
   * Plays rounds for `minutes`, then further rounds until `isEnough`, up to `mostMinutes`. The last round is finished.
   */
  play (minutes: number, isEnough?: () => boolean, mostMinutes?: number): Promise<void>
  /** Sends one request of the plan to an idle service. */
  only (number: number): Promise<Sent[]>
  close (): Promise<void>
}

/** Number of parallel clients: often more than slots and queue have room for. */
const clientsFor = (slots: number) => 2 * slots + 2
/** Time for the requests that are sent ahead of another one to get their slots. */
const AHEAD_MS = 100
/** Pause of a client after a refusal. */
const REFUSED_PAUSE_MS = 100

/** Starts the service, with a checker that reads its log. */
export async function createSession (
  { seed, slots, faults, onViolation = () => {}, onRound = () => {} }: SessionOptions
): Promise<Session> {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'sightline-chaos-'))
  const cwd = path.join(dir, 'empty')
  mkdirSync(cwd)
  const disk = faults.some(fault => fault.name === 'disk-full') ? await createDisk(path.join(dir, 'disk')) : null
  const uploadDir = path.join(disk?.dir ?? dir, 'uploads')
  const skipped = faults.flatMap(fault => {
    const reason = fault.missing({ disk: disk?.dir ?? null })
    return reason === null ? [] : [{ name: fault.name, reason: disk?.reason || reason }]
  })
  const possible = faults.filter(fault => !skipped.some(({ name }) => name === fault.name))

  const state = { rounds: 0, isLost: false }
  const service: Service = await createService({
    uploadDir,
    cwd,
    env: toEnvironment(slots),
    onLine: line => checker.onLine(line),
    onStray: text => checker.onStray(text),
    onStall: stall => checker.onStall(stall),
    onUnexpectedExit (how) {
      state.isLost = true
      checker.violation(`the service ended unexpectedly: ${how}`)
    }
  })
  const checker: Checker = new Checker({ service, uploadDir, slots, onViolation })
  await service.start()
  const models = await (await fetch(`http://127.0.0.1:${service.port}/v1/models`, {
    headers: { connection: 'close' }
  })).json() as { data: Array<{ id: string }> }
  const plan: Plan =
    createPlan({ seed, kinds: KINDS, faults: possible, images: await createImages(seed), model: models.data[0]!.id })
  const field: Field = { service, disk: disk?.dir ?? null, violation: what => checker.violation(what) }

  async function send (request: PlannedRequest): Promise<Sent> {
    const entry = checker.begin(request)
    const result = await exchange(service.port, request.sending, port => checker.connected(entry, port))
    return { request, exchange: result, endings: await checker.end(entry, result) }
  }

  /** Sends the requests that belong ahead of a request, then all its copies. */
  async function sendAll ({ ahead = [], ...request }: PlannedRequest): Promise<Sent[]> {
    const { number, kind, thinkMs, copies = 1 } = request
    const others = ahead.map(draft => send({ number, kind, thinkMs, ...draft }))
    if (others.length > 0) await sleep(AHEAD_MS)
    return await Promise.all([...Array.from({ length: copies }, () => send(request)), ...others])
  }

  async function inflict ({ fault, at, delayMs, draw }: PlannedFault): Promise<void> {
    await sleep(delayMs)
    const window = checker.windows.open(fault, at)
    try {
      checker.windows.close(window, await fault.run(field, draw))
    } catch (error) {
      // A fault fails if the service does not come back, for example. The run cannot continue.
      state.isLost = true
      checker.windows.close(window, (error as Error).message)
      checker.violation(`${fault.name}: ${(error as Error).message}`)
    }
  }

  async function playRound ({ requests, faults }: Round): Promise<void> {
    const waiting = [...requests]
    const running: Array<Promise<void>> = []

    async function client (): Promise<void> {
      for (let request = waiting.shift(); request && !state.isLost; request = waiting.shift()) {
        for (const fault of faults) if (fault.at === request.number) running.push(inflict(fault))
        await sleep(request.thinkMs)
        const endings = (await sendAll(request)).flatMap(sent => sent.endings)
        if (endings.some(ending => /^error (429|503)|^no connection/.test(ending))) await sleep(REFUSED_PAUSE_MS)
      }
    }

    await Promise.all(Array.from({ length: clientsFor(slots) }, client))
    await Promise.all(running)
  }

  return {
    checker,
    skipped,
    get rounds () { return state.rounds },

    async play (minutes, isEnough = () => true, mostMinutes = minutes) {
      const startedAt = Date.now()
      const isOver = () => {
        const played = (Date.now() - startedAt) / 60_000
        return state.isLost || played >= mostMinutes || (played >= minutes && isEnough())
      }
      checker.watch()
      try {
        while (!isOver()) {
          await playRound(plan.round(state.rounds))
          if (!state.isLost) await checker.atRest()
          onRound(++state.rounds, checker)
        }
      } finally {
        checker.stop()
      }
    },

    async only (number) {
      const sent = await sendAll(plan.request(number))
      await checker.atRest()
      return sent
    },

    async close () {
      if (service.pid !== null) {
        const { code } = await service.end('SIGTERM')
        if (code !== 0) checker.violation(`SIGTERM ended the service with exit code ${code}`)
      }
      await disk?.remove()
      rmSync(dir, { recursive: true, force: true })
    }
  }
}
