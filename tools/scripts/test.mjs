// npm test: every test file in a process of its own, several at a time. tap's own runner puts the loaders of its coverage and its mocks into each of
// them, through which every module goes: that doubles what most files take. It stays the tool for one file: `npx tap test/config.test.ts`.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = path.join(path.dirname(fileURLToPath(import.meta.url)), '../..')
/** Seconds for one test, and for a whole file. */
const TEST_TIMEOUT = 240
const FILE_TIMEOUT = 480
/** Many tests wait most of their time. */
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
    else failed.push(file)
  }
}))
// Browsers, servers and models that start side by side may keep a test waiting longer than it can. What is wrong fails alone as well.
for (const file of failed) {
  const outcome = await run(file)
  count(outcome)
  if (outcome.isGood) console.log(`# ${file} failed beside others and passed alone`)
}
console.log(`# { ${Object.entries(totals).map(([name, count]) => `${name}: ${count}`).join(', ')} }`)
console.log(`# time=${(performance.now() - startedAt).toFixed(0)}ms`)
process.exitCode = totals.fail === 0 ? 0 : 1

/** Runs a file, shows what it says, and returns how it went. */
async function run (file) {
  const from = performance.now()
  const mocks =
    readFileSync(path.join(ROOT, file), 'utf8').includes('t.mockImport') ? ['--import=@tapjs/mock/import'] : []
  const child = spawn(process.execPath, [...mocks, '--import=tsx', file], {
    cwd: ROOT,
    env: {
      ...process.env, TAP: '1', TAP_TIMEOUT: String(TEST_TIMEOUT)
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 1000 * FILE_TIMEOUT,
    killSignal: 'SIGKILL'
  })
  const said = []
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => said.push(chunk))
  const [code, signal] = await once(child, 'close')
  const lines = Buffer.concat(said).toString().split('\n')
  const counts = [...lines.findLast(line => line.startsWith('# { total:'))?.matchAll(/(\w+): (\d+)/g) ?? []]
  const isGood = code === 0 && counts.length > 0
  // Its totals would be taken for those of all.
  const own = lines.filter(line => !/^(TAP version|# \{ total:|# time=)/.test(line) && line !== '')
  console.log(`# Subtest: ${file}\n${own.map(line => `    ${line}`).join('\n')}`)
  console.log(`${isGood ? 'ok' : 'not ok'} - ${file} # time=${(performance.now() - from).toFixed(0)}ms${signal
    ? ` ${signal}`
    : ''}`)
  return { isGood, counts: Object.fromEntries(counts.map(([, name, count]) => [name, Number(count)])) }
}

function count ({ isGood, counts }) {
  for (const [name, value] of Object.entries(counts)) totals[name] += value
  // What ends without having counted a failure has failed all the same.
  if (!isGood && !counts.fail) totals.fail++
}
