import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { ROOT } from '../../../config/root.ts'
import type { Engine } from '../../../services/engine/engine.ts'
import { createTestEngine } from '../../helper.ts'
import { collect, createHeartRequest, textOf } from './requests.ts'

const request = await createHeartRequest(t)
const never = new AbortController().signal

async function until (condition: () => boolean): Promise<void> {
  for (let i = 0; !condition(); i++) {
    if (i > 2000) throw new Error('the condition was not met within 20 s')
    await sleep(10)
  }
}

/** Waits for the successor of the child with this pid, and requests an answer from it. */
async function expectSuccessor (t: Test, engine: Engine, pid: number): Promise<void> {
  await until(() => engine.info().state === 'ready' && engine.info().pid !== pid)
  t.equal(engine.info().restarts, 1)
  t.equal(textOf(await collect(engine.generate(request, never))), 'A blue heart on a white background.')
}

t.test('a silent child is killed and replaced, and its requests fail', async t => {
  const engine = await createTestEngine(t, { silenceMs: 6_000 })
  const pid = engine.info().pid!
  process.kill(pid, 'SIGSTOP')
  await t.rejects(collect(engine.generate(request, never)), { code: 'ENGINE_CRASHED' })
  await expectSuccessor(t, engine, pid)
})

t.test('a child is not killed for a silence while the parent was suspended', async t => {
  const engine = await createTestEngine(t, { silenceMs: 6_000 })
  const { pid } = engine.info()
  const end = Date.now() + 9_000
  while (Date.now() < end);
  await sleep(1_500)
  t.match(engine.info(), { state: 'ready', pid, restarts: 0 })
})

t.test('a child that does not end an aborted request is killed and replaced', async t => {
  const engine = await createTestEngine(t, { releaseMs: 1_000 })
  const pid = engine.info().pid!
  process.kill(pid, 'SIGSTOP')
  const abort = new AbortController()
  const answer = collect(engine.generate(request, abort.signal))
  const reason = new Error('the client left')
  setTimeout(() => abort.abort(reason), 100)
  await t.rejects(answer, reason)
  await expectSuccessor(t, engine, pid)
})

t.test('a child that ends an aborted request but never releases it is killed and replaced', async t => {
  const worker = { file: path.join(ROOT, 'test/services/engine/never-releases.mjs'), execArgv: [] }
  const engine = await createTestEngine(t, { releaseMs: 200, worker })
  const pid = engine.info().pid!
  const abort = new AbortController()
  const answer = collect(engine.generate({ ...request, images: [] }, abort.signal))
  const reason = new Error('the client left')
  abort.abort(reason)
  await t.rejects(answer, reason)
  t.equal(engine.info().pid, pid, 'the request ends before that')
  await until(() => engine.info().state === 'ready' && engine.info().pid !== pid)
  t.equal(engine.info().restarts, 1)
})

t.test('a request that cannot be sent to the child fails alone and leaves nothing pending', async t => {
  const engine = await createTestEngine(t)
  const unsendable = { ...request, turns: [{ role: 'user' as const, parts: [(() => {}) as never] }] }
  await t.rejects(collect(engine.generate(unsendable, never)), { message: /could not be cloned/ })
  await t.rejects(engine.inspect(unsendable.turns, [], []), { message: /could not be cloned/ })
  const pid = engine.info().pid!
  process.kill(pid, 'SIGKILL')
  // A request that is still pending would now reject without a handler.
  await expectSuccessor(t, engine, pid)
})

t.test('starting a child is retried until it succeeds', async t => {
  // All of the few file descriptors are in use, so no process can be started.
  const script = path.join(ROOT, 'test/services/engine/without-descriptors.ts')
  const child = spawn(
    'bash', ['-c', `ulimit -n 512; exec "${process.execPath}" --import tsx "${script}"`],
    { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] }
  )
  let output = ''
  child.stdout.setEncoding('utf8').on('data', text => { output += text })
  const [code] = await once(child, 'exit')
  t.equal(code, 0)
  t.match(output, /it could not be started: .*EMFILE/)
  t.match(output, /ready again/)
})
