import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { ROOT } from '../../config/root.ts'
import { LIMITS, withLimitsTable, type LimitName } from '../../tools/scripts/limits.ts'
import { canMeasureStalls, withStall } from '../event-loop.ts'
import { createToolsEngine, startService } from '../helper.ts'
import { createProbes, type Elsewhere, type Probe } from './probes.ts'
import type { Asking } from './requests.ts'

/** The most that client and service may compute for a refused request. */
const REFUSED_WITHIN_MS = 250

const engine = await createToolsEngine(t)
const service = await startService(
  t, { JSON_BODY_LIMIT_MB: '3', MAX_FILE_SIZE_MB: '1', MAX_IMAGES: '4', MAX_INPUT_PIXELS: '90000' }, engine
)
const probes = Object.entries(createProbes(engine.info().model)) as Array<[LimitName, Probe | Elsewhere]>

interface Answer { status: number, code: string, sentence: string, details: Record<string, unknown> }

async function send ({ path, init }: Asking): Promise<Answer> {
  const response = await fetch(service.url + path, init)
  const body = await response.json() as Record<string, unknown> & { error?: string | Record<string, unknown> }
  // On /v1 all details are inside `error`.
  const details = typeof body.error === 'object' ? body.error : body
  return {
    status: response.status,
    code: String(details.code ?? ''),
    sentence: String(details.message ?? details.error ?? ''),
    details
  }
}

/** The first status and code in a limit's row of the table. */
const expected = (name: LimitName) => /^(\d+) `([A-Z_]+)`/.exec(LIMITS[name].beyond)!.slice(1)

t.test('docs/api.md contains the current table, and the files that it names exist', async t => {
  const document = readFileSync(path.join(ROOT, 'docs/api.md'), 'utf8')
  t.equal(document, withLimitsTable(document), 'npm run docs:limits writes it')
  for (const { by } of Object.values(LIMITS)) t.ok(existsSync(path.join(ROOT, by)), by)
})

for (const [name, probe] of probes) {
  const { what, most } = LIMITS[name]
  if ('elsewhere' in probe) {
    t.ok(existsSync(path.join(ROOT, probe.elsewhere)), `${what}: tested in ${probe.elsewhere}`)
    continue
  }
  t.test(`${what}: ${most}`, async t => {
    const { ask, names, figure, otherwise } = probe
    const [status, code] = expected(name)
    const at = await send(await ask(0))
    if (otherwise === undefined) t.equal(at.status, 200, `at the limit: ${at.code} ${at.sentence}`)
    else t.equal(at.code, otherwise, `at the limit: ${at.sentence}`)

    const asking = await ask(1)
    const { result: beyond, stall, computedMs, wallMs } = await withStall(() => send(asking))
    t.same([beyond.status, beyond.code], [Number(status), code], beyond.sentence)
    t.match(beyond.sentence, names)
    if (figure !== null) t.match(beyond.sentence, new RegExp(`\\b${figure}\\b`))
    const { limit, limit_mb: megabytes, max_pixels: pixels } = beyond.details
    if (figure !== null && /^\d+( MB)?$/.test(figure)) {
      t.equal(limit ?? megabytes ?? pixels, parseInt(figure), 'the limit is a number of its own in the refusal')
    }
    const [wall, computed, stalled] = [wallMs, computedMs, stall.ownMs].map(ms => ms.toFixed(0))
    t.comment(`refused after ${wall} ms, of which this thread computed ${computed}; the longest stall ${stalled} ms`)
    if (canMeasureStalls) t.ok(computedMs < REFUSED_WITHIN_MS, `${computed} ms computed by client and service together`)
    await service.quiet()
  })
}
