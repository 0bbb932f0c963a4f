/**
 * Sends requests to the built service while faults are injected, and checks its behaviour. See README.md.
 *
 *   npm run chaos -- --minutes 10 --seed 7
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { ROOT } from '../../config/root.ts'
import { describeMachine } from '../bench/lib/machine.ts'
import { FAULTS } from './faults/index.ts'
import { isClean, toReport } from './report.ts'
import { SERVER } from './service.ts'
import { createSession } from './session.ts'

const RESULTS_DIR = path.join(ROOT, 'tools/chaos/results')
const SHOWN_BYTES = 600

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '5' },
    seed: { type: 'string', default: '1' },
    slots: { type: 'string', default: '3' },
    faults: { type: 'string', default: Object.keys(FAULTS).join(',') },
    only: { type: 'string' },
    save: { type: 'string' }
  }
})

const minutes = number('--minutes', values.minutes)
const seed = number('--seed', values.seed)
const slots = number('--slots', values.slots)
const faults = values.faults.split(',').filter(name => name !== '').map(name =>
  FAULTS[name] ?? fail(`--faults must contain only ${Object.keys(FAULTS).join(', ')}, got ${name}`))
if (!existsSync(SERVER)) fail('the service is not built; run npm run build')
process.exitCode = values.only === undefined ? await play() : await sendOnly(number('--only', values.only))

async function play (): Promise<number> {
  const conditions = [
    `Machine: ${describeMachine()}`,
    `Seed ${seed}, ${minutes} minutes, ${slots} slots, ${slots} places in the queue`,
    `Faults: ${faults.map(({ name }) => name).join(', ') || 'none'}`
  ]
  const session = await createSession({
    seed,
    slots,
    faults,
    onViolation: ({ request, what }) =>
      console.error(`VIOLATION ${request === null ? '' : `of request ${request}: `}${what}`),
    onRound (round, { requests, windows, violations }) {
      const counts = `${requests} connections, ${windows.all.length} faults, ${violations.length} violations`
      console.error(`  round ${round}: ${counts}`)
    }
  })
  const { checker, skipped } = session
  for (const { name, reason } of skipped) console.error(`WITHOUT ${name}: ${reason}`)
  // Without this, a mount and a running service would remain.
  for (const [signal, code] of [['SIGINT', 130], ['SIGTERM', 143]] as const) {
    process.once(signal, () => { void session.close().finally(() => process.exit(code)) })
  }
  try {
    await session.play(minutes)
  } finally {
    await session.close()
  }
  const report =
    toReport({ checker, conditions, skipped, repeat: `npm run chaos -- --seed ${seed} --slots ${slots} --only N` })
  console.log(report)
  if (values.save !== undefined) save(values.save, report)
  return isClean(checker) ? 0 : 1
}

/** Sends one request of the plan to an idle service and prints the answers. */
async function sendOnly (request: number): Promise<number> {
  const session =
    await createSession({ seed, slots, faults: [], onViolation: ({ what }) => console.error(`VIOLATION ${what}`) })
  try {
    for (const { request: { kind, detail, right, sending }, exchange, endings } of await session.only(request)) {
      const name = detail === undefined ? kind : `${kind}: ${detail}`
      console.log(`${name}; expected: ${right.join(', ')}; got: ${endings.join(', ')}`)
      const start = sending.bytes.toString('latin1', 0, SHOWN_BYTES)
      console.log(`${sending.bytes.length} bytes, ${exchange.sent} sent: ${start}`)
      for (const { status, headers, body } of exchange.answers) {
        console.log(`\n${status} ${[...headers].map(header => header.join(': ')).join('\n')}\n\n${body}`)
      }
    }
  } finally {
    await session.close()
  }
  return isClean(session.checker) ? 0 : 1
}

function save (name: string, report: string): void {
  const date = new Date().toISOString().slice(0, 10)
  mkdirSync(RESULTS_DIR, { recursive: true })
  const file = path.join(RESULTS_DIR, `${date}-${name}.md`)
  writeFileSync(file, `# ${date}, ${name}\n\n${report}`)
  console.error(`report written to ${path.relative(process.cwd(), file)}`)
}

function number (option: string, value: string): number {
  const parsed = Number(value)
  return value !== '' && parsed >= 0 ? parsed : fail(`${option} must be a number from 0, got ${value}`)
}

function fail (message: string): never {
  console.error(message)
  process.exit(2)
}
