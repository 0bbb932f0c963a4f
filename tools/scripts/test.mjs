// npm test: runs each test file in its own process, several in parallel. `pretest` has compiled the files to
// .compiled/, because TypeScript's loader doubles the time of most files. So do the coverage and the mocks that tap's
// own runner loads into every process. To run one file: npx tap test/config/config.test.ts.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { failuresOf } from './tap-failures.mjs'

const ROOT = path.join(path.dirname(fileURLToPath(import.meta.url)), '../..')
const TEST_TIMEOUT_S = 420
const FILE_TIMEOUT_MS = 600_000
/** One more than the number of cores, because many tests wait most of their time. */
const JOBS = os.availableParallelism() + 1

const files = readdirSync(path.join(ROOT, 'test'), { recursive: true, encoding: 'utf8' })
  .filter(file => file.endsWith('.test.ts')).sort().map(file => path.join('test', file))
const totals = { total: 0, pass: 0, fail: 0, skip: 0, todo: 0 }
const startedAt = performance.now()

const failed = []
await Promise.all(Array.from({ length: JOBS }, async () => {
  for (let file = files.shift(); file; file = files.shift()) {
    const outcome = await run(file)
    if (outcome.isGood) count(outcome)
    else failed.push({ file, failures: outcome.failures })
  }
}))
// Parallel browsers, servers and models may delay a test beyond its timeouts. A test with a real fault also fails
// alone. It runs from its source, so that its stack traces name the right lines.
for (const entry of failed) {
  const outcome = await run(entry.file, true)
  count(outcome)
  entry.passedAlone = outcome.isGood
}
for (const { file, failures, passedAlone } of failed) {
  console.log(`# ${file} failed in parallel with others and ${passedAlone ? 'passed alone' : 'failed again alone'}:`)
  console.log(failures.map(line => `#     ${line}`).join('\n'))
}
const flaky = failed.filter(({ passedAlone }) => passedAlone).length
console.log(`# files that passed only alone: ${flaky}, files that failed: ${failed.length - flaky}`)
console.log(`# { ${Object.entries(totals).map(([name, count]) => `${name}: ${count}`).join(', ')} }`)
console.log(`# time=${(performance.now() - startedAt).toFixed(0)}ms`)
process.exitCode = totals.fail === 0 ? 0 : 1

/** Runs a file, prints its output, and returns the result. */
async function run (file, fromSource = false) {
  const from = performance.now()
  const text = readFileSync(path.join(ROOT, file), 'utf8')
  const hasMocks = text.includes('t.mockImport')
  const loaders = hasMocks ? ['--import=@tapjs/mock/import', '--import=tsx'] : ['--import=tsx']
  // Mocks are named by their sources, and some tests import TypeScript that they write.
  const needsLoader = hasMocks || text.includes('needs the loader of TypeScript')
  const args = needsLoader || fromSource ? [...loaders, file] : [path.join('.compiled', file.replace(/\.ts$/, '.js'))]
  const child = spawn(process.execPath, args, {
    cwd: ROOT,
    env: { ...process.env, TAP: '1', TAP_TIMEOUT: String(TEST_TIMEOUT_S) },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: FILE_TIMEOUT_MS,
    killSignal: 'SIGKILL'
  })
  const output = []
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => output.push(chunk))
  const [code, signal] = await once(child, 'close')
  const lines = Buffer.concat(output).toString().split('\n')
  const counts = [...lines.findLast(line => line.startsWith('# { total:'))?.matchAll(/(\w+): (\d+)/g) ?? []]
  const isGood = code === 0 && counts.length > 0
  // The file's own totals would be mistaken for those of all files.
  const own = lines.filter(line => !/^(TAP version|# \{ total:|# time=)/.test(line) && line !== '')
  const time = `time=${(performance.now() - from).toFixed(0)}ms${signal ? ` ${signal}` : ''}`
  console.log(`# Subtest: ${file}\n${own.map(line => `    ${line}`).join('\n')}`)
  console.log(`${isGood ? 'ok' : 'not ok'} - ${file} # ${time}`)
  return {
    isGood,
    counts: Object.fromEntries(counts.map(([, name, count]) => [name, Number(count)])),
    failures: isGood ? [] : failuresOf(own)
  }
}

function count ({ isGood, counts }) {
  for (const [name, value] of Object.entries(counts)) totals[name] += value
  // A process that failed without a failed assertion counts as one failure.
  if (isGood || counts.fail) return
  totals.total++
  totals.fail++
}
