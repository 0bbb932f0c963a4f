import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { ROOT } from '../../../../config/root.ts'
import { DecodeError } from '../../../../services/images/decoder/decode-error.ts'
import { createDecoders, type DecodersOptions } from '../../../../services/images/decoder/decoders.ts'
import { threadProgram } from '../../../../services/thread-program.ts'
import type { Oddity } from './odd-thread.ts'

const MIB = 1024 * 1024
const ODD = { heic: threadProgram('./odd-thread', import.meta.url) }

interface Answer { result: unknown, pixels: Uint8Array, jobs: number }

function odd (t: Test, options: DecodersOptions = {}) {
  const decoders = createDecoders({ limit: 1, programs: ODD, ...options })
  t.teardown(() => decoders.close())
  const decode = async (oddity: Oddity, { file = '', timeLimitMs = 20_000, signal = never } = {}) =>
    await decoders.decode(
      { kind: 'heic', path: file, options: oddity, timeLimitMs, memoryLimitBytes: 64 * MIB }, signal
    ) as Answer
  return { decoders, decode }
}
const never = new AbortController().signal

t.test('a thread is reused, and its pixels are moved', async t => {
  const { decoders, decode } = odd(t)
  t.match(await decode('decodes', { file: '/a' }), { result: { path: '/a' }, jobs: 1 })
  const { pixels, jobs } = await decode('decodes')
  t.same([...pixels], [1, 2, 3])
  t.equal(jobs, 2)
  await t.rejects(decode('refuses'), { fault: 'refused', code: 'damaged', message: 'It is damaged' })
  t.match(await decode('decodes'), { jobs: 4 }, 'a refusal leaves the thread usable')
  t.same(decoders.ended(), { slow: 0, memory: 0, crashed: 0, aborted: 0 })
})

const FAULTS: Array<[oddity: Oddity, fault: 'slow' | 'memory' | 'crashed']> = [
  ['loops in WebAssembly', 'slow'],
  ['grows its memory', 'memory'],
  ['hides that it got no memory', 'memory'],
  ['fills the heap', 'memory'],
  ['aborts', 'crashed'],
  ['exits', 'crashed'],
  ['throws later', 'crashed'],
  ['answers what cannot be cloned', 'crashed']
]
for (const [oddity, fault] of FAULTS) {
  t.test(`a decoder that ${oddity} ends, and the next file is decoded`, async t => {
    const { decoders, decode } = odd(t)
    const file = path.join(t.testdir({}), 'started')
    await decode('decodes')
    await t.rejects(decode(oddity, { file, timeLimitMs: fault === 'slow' ? 300 : 20_000 }), { name: 'Error', fault })
    t.match(decoders.ended(), { [fault]: 1 })
    t.match(await decode('decodes'), { jobs: 1 }, 'by another thread')
    t.equal(decoders.threads(), 1)
  })
}

t.test('an abort rejects at once and ends the thread', async t => {
  const { decoders, decode } = odd(t)
  const file = path.join(t.testdir({}), 'started')
  const controller = new AbortController()
  const running = decode('loops in WebAssembly', { file, signal: controller.signal })
  const waiting = decode('decodes')
  while (!existsSync(file)) await sleep(5)
  controller.abort(new Error('left'))
  await t.rejects(running, { message: 'left' })
  t.match(await waiting, { jobs: 1 }, 'the file that waited is decoded by another thread')
  t.match(decoders.ended(), { aborted: 1 })
})

t.test('a file whose request has left is not decoded', async t => {
  const { decoders, decode } = odd(t)
  const controller = new AbortController()
  const before = decode('decodes')
  const waiting = decode('decodes', { signal: controller.signal })
  controller.abort(new Error('left'))
  await t.rejects(waiting, { message: 'left' })
  await before
  t.match(await decode('decodes'), { jobs: 2 })
  t.equal(decoders.ended().aborted, 0)
})

t.test('files are decoded in parallel up to the limit', async t => {
  const { decoders, decode } = odd(t, { limit: 2 })
  const files = await Promise.all(Array.from({ length: 6 }, () => decode('decodes')))
  t.equal(decoders.threads(), 2)
  t.equal(files.length, 6)
})

t.test('threads that are idle or have much memory end', async t => {
  const { decoders, decode } = odd(t, { idleMs: 50 })
  await decode('decodes')
  t.equal(decoders.threads(), 1)
  while (decoders.threads() > 0) await sleep(10)
  t.match(await decode('decodes'), { jobs: 1 })

  const { decoders: others, decode: decodeMuch } = odd(t)
  await decodeMuch('takes 40 MiB')
  t.equal(others.threads(), 0)
})

t.test('an idle thread does not keep the process alive', async t => {
  const decoders = pathToFileURL(path.join(ROOT, 'services/images/decoder/decoders.ts')).href
  const program = `
    import { createDecoders } from ${JSON.stringify(decoders)}
    const decoders = createDecoders({ programs: { heic: new URL(${JSON.stringify(ODD.heic.href)}) } })
    const { jobs } = await decoders.decode({
      kind: 'heic', path: '', options: 'decodes', timeLimitMs: 20_000, memoryLimitBytes: 1e8
    })
    process.stdout.write(String(jobs) + decoders.threads())`
  const args = ['--import', 'tsx', '--input-type', 'module', '--eval', program]
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 30_000 })
  t.equal(stdout, '11')
})

t.test('a thread that cannot start is no fault of the file', async t => {
  const programs = { heic: new URL('data:text/javascript,throw new Error("no module")') }
  const { decode } = odd(t, { programs })
  const error: unknown = await decode('decodes').catch((error: unknown) => error)
  t.match(error, { message: /^A decoder thread failed to start: Error: no module/ })
  t.notOk(error instanceof DecodeError)
})
