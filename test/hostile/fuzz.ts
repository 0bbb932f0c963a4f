import t, { type Test } from 'tap'
import { SightlineError } from '../../errors/catalogue.ts'
import { integers } from '../../tools/lib/random.ts'
import type { Below } from './mutate.ts'

/**
 * The time in seconds or the number of cases of each fuzz test, and the seed of its cases. Without them, every run
 * tries the same cases.
 * @example
 * FUZZ_SECONDS=600 FUZZ_SEED=7 npx tap --timeout=0 test/hostile/fuzz-*.test.ts
 */
const SECONDS = Number(process.env.FUZZ_SECONDS ?? 0)
const CASES = Number(process.env.FUZZ_CASES ?? 0)
const SEED = Number(process.env.FUZZ_SEED ?? 1)
/** A case that takes longer hangs. */
export const CASE_MS = 20_000

if (SECONDS > 0 || CASES > 0) t.setTimeout(0)

/**
 * Runs a case repeatedly, each time with other random numbers. The first case that fails is reported with its seed.
 * @param cases number of cases, unless FUZZ_SECONDS or FUZZ_CASES is set
 * @param caseMs a case that takes longer hangs
 */
export async function fuzz (
  t: Test, cases: number, run: (below: Below, index: number) => Promise<void> | void, caseMs = CASE_MS
): Promise<void> {
  if (SECONDS > 0 || CASES > 0) t.setTimeout(0)
  const most = CASES || cases
  const until = performance.now() + SECONDS * 1000
  let index = 0
  for (; SECONDS > 0 ? performance.now() < until : index < most; index++) {
    const started = performance.now()
    try {
      await withinTime(run(integers(SEED * 1_000_003 + index), index), caseMs)
    } catch (error) {
      t.fail(`FUZZ_SEED=${SEED}, case ${index}: ${(error as Error).stack}`)
      return
    }
    const ms = performance.now() - started
    if (ms > caseMs) t.fail(`FUZZ_SEED=${SEED}, case ${index} took ${Math.round(ms)} ms`)
  }
  t.pass(`${index} cases`)
}

async function withinTime<T> (result: Promise<T> | T, caseMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('the case hangs')), caseMs)
  })
  try {
    return await Promise.race([result, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Checks that work succeeds, or fails with an error of the service that has a status of 4xx and a Chinese sentence. */
export async function refusesOnly (work: () => unknown, input: unknown): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (error instanceof SightlineError && error.statusCode >= 400 && error.statusCode < 500 &&
      error.sentence('zh') !== '') return
    throw new Error(`${String(error)} for ${show(input)}`, { cause: error })
  }
}

/** Formats an input so that the case can be repeated. */
export function show (input: unknown): string {
  return Buffer.isBuffer(input) ? input.toString('base64') : JSON.stringify(input).slice(0, 3000)
}
