/**
 * Torments the built service for a while and keeps the books. README.md says with what.
 *
 *   npm run chaos -- --minutes 10 --seed 7
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { describeMachine } from '../bench/lib/machine.ts'
import { ROOT } from '../../config/root.ts'
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
  FAULTS[name] ?? fail(`--faults must be of ${Object.keys(FAULTS).join(', ')}, got ${name}`))
if (!existsSync(SERVER)) fail('the service is not built: npm run build')
process.exitCode = values.only === undefined ? await play() : await sendOnly(number('--only', values.only))

async function play (): Promise<number> {
  const conditions = [
    `Machine: ${describeMachine()}`,
    `Seed ${seed}, ${minutes} minutes, ${slots} slots and as many places in the queue`,
    `Faults: ${faults.map(({ name }) => name).join(', ') || 'none'}`
  ]
  const session = await createSession({
    seed,
    slots,
    faults,
    onViolation: ({ request, what }) =>
      console.error(`VIOLATION ${request === null ? '' : `of request ${request}: `}${what}`),
    onRound: (round, checker) => console.error(
      `  round ${round}: ${checker.requests} connections, ${checker.windows.all.length} faults, ${checker.violations.length} violations`
    )
  })
  const { checker, skipped } = session
  for (const { name, reason } of skipped) console.error(`WITHOUT ${name}: ${reason}`)
  // Otherwise a mount would be left, and a service.
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

/** One request of the plan, sent to a quiet service, and all that came. */
async function sendOnly (request: number): Promise<number> {
  const session =
    await createSession({ seed, slots, faults: [], onViolation: ({ what }) => console.error(`VIOLATION ${what}`) })
  try {
    for (const { request: { kind, detail, right, sending }, exchange, endings } of await session.only(request)) {
      console.log(
        `${kind}${detail === undefined ? '' : `: ${detail}`}; right: ${right.join(', ')}; came: ${endings.join(', ')}`
      )
      console.log(
        `${sending.bytes.length} bytes, ${exchange.sent} sent: ${sending.bytes.toString('latin1', 0, SHOWN_BYTES)}`
      )
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
  console.error(`written to ${path.relative(process.cwd(), file)}`)
}

function number (option: string, value: string): number {
  const parsed = Number(value)
  return value !== '' && parsed >= 0 ? parsed : fail(`${option} must be a number from 0, got ${value}`)
}

function fail (message: string): never {
  console.error(message)
  process.exit(2)
}
