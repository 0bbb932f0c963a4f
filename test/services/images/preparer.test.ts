import { readdir } from 'node:fs/promises'
import t from 'tap'
import { inspectImage } from '../../../services/images/inspect.ts'
import { createPreparer, type PrepareJob } from '../../../services/images/preparer.ts'
import { LIMITS, noise, store } from './draw.ts'

const target = { width: 56, height: 28 }

async function jobFor (dir: string, name: string, keep = 1): Promise<PrepareJob> {
  const bytes = await noise(400, 300).jpeg().toBuffer()
  const file = await store(dir, name, bytes.subarray(0, Math.floor(bytes.length * keep)))
  return { file, header: await inspectImage(file, LIMITS), target }
}

t.test('prepares pictures side by side and answers in their order', async t => {
  const dir = t.testdir()
  const jobs = await Promise.all(['0.jpg', '1.jpg', '2.jpg', '3.jpg', '4.jpg'].map(async name => await jobFor(dir, name)))
  const prepared = await createPreparer(2).prepareAll(jobs)
  t.same(prepared.map(image => image.path), jobs.map(job => job.file.path.replace('.jpg', '_compressed.png')))
  t.same(await createPreparer().prepareAll([]), [])
})

t.test('shares its limit among requests and serves them all', async t => {
  const dir = t.testdir()
  const preparer = createPreparer(1)
  const requests = await Promise.all(['a', 'b', 'c'].map(async name => [await jobFor(dir, `${name}0.jpg`), await jobFor(dir, `${name}1.jpg`)]))
  const all = await Promise.all(requests.map(async jobs => await preparer.prepareAll(jobs)))
  t.same(all.map(prepared => prepared.length), [2, 2, 2])
})

t.test('throws the error of the first picture that fails and does not begin the others', async t => {
  const dir = t.testdir()
  const jobs = [
    await jobFor(dir, '0.jpg', 0.9), await jobFor(dir, '1.jpg', 0.3), await jobFor(dir, '2.jpg'), await jobFor(dir, '3.jpg')
  ]
  const preparer = createPreparer(2)
  await t.rejects(preparer.prepareAll(jobs), { code: 'CORRUPT_IMAGE', message: /^images\[0\] \("0\.jpg"\)/ })
  t.same(await readdir(dir), ['0.jpg', '1.jpg', '2.jpg', '3.jpg'])
  t.equal((await preparer.prepareAll([await jobFor(dir, '4.jpg')])).length, 1, 'no place was lost')
})

t.test('gives way to the signal, and nothing runs any more when it settles', async t => {
  const dir = t.testdir()
  const preparer = createPreparer(1)
  const jobs = await Promise.all(['0.jpg', '1.jpg', '2.jpg'].map(async name => await jobFor(dir, name)))
  const controller = new AbortController()
  const reason = new Error('the client left')
  const running = preparer.prepareAll(jobs, controller.signal)
  setImmediate(() => controller.abort(reason))
  await t.rejects(running, reason)
  t.same(await readdir(dir), ['0.jpg', '1.jpg', '2.jpg'])
  await t.rejects(preparer.prepareAll(jobs, AbortSignal.abort(reason)), reason)
  t.equal((await preparer.prepareAll(jobs)).length, 3, 'no place was lost')
})
