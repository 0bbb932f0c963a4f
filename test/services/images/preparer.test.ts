import { readdir, writeFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { createGate } from '../../../services/gate.ts'
import { inspectImage } from '../../../services/images/inspect.ts'
import { CALLED_OFF, Preparation, type Anticipated } from '../../../services/images/preparation.ts'
import { createPreparer, type PrepareJob, type Preparer } from '../../../services/images/preparer.ts'
import { createUploadStore } from '../../../services/upload-store.ts'
import { createWork } from '../../../services/work.ts'
import { silent } from '../../helper.ts'
import { integers } from '../../../tools/lib/random.ts'
import { LIMITS, noise, store } from './draw.ts'

const size = { width: 56, height: 28 }
const never = new AbortController().signal

/** @param keep the fraction of the file that is stored */
async function jobFor (dir: string, name: string, keep = 1): Promise<PrepareJob> {
  const bytes = await noise(400, 300).jpeg().toBuffer()
  const file = await store(dir, name, bytes.subarray(0, Math.floor(bytes.length * keep)))
  return { file, header: await inspectImage(file, LIMITS), size }
}

async function storeJob (path: string, bytes: Buffer): Promise<PrepareJob> {
  await writeFile(path, bytes)
  const file = { path, label: 'images[0]', bytes: bytes.length }
  return { file, header: await inspectImage(file, LIMITS), size }
}

/** Creates jobs that take sharp some time. */
async function largeJobs (dir: string, ...names: string[]): Promise<PrepareJob[]> {
  const bytes = await noise(2000, 1500).jpeg().toBuffer()
  return await Promise.all(names.map(async name => await storeJob(`${dir}/${name}`, bytes)))
}

const jobsFor = async (dir: string, ...names: string[]) =>
  await Promise.all(names.map(async name => await jobFor(dir, name)))

function prepare (preparer: Preparer, jobs: PrepareJob[], early: Array<Anticipated | undefined> = []): Preparation {
  const stop = new AbortController()
  return new Preparation(preparer, jobs, early, stop, never)
}

/** Records the order in which preparations start. */
function watched (preparer: Preparer): Preparer & { started: string[] } {
  const started: string[] = []
  return {
    started,
    async prepare (job, ...signals) {
      started.push(job.file.path.split('/').at(-1)!)
      return await preparer.prepare(job, ...signals)
    }
  }
}

t.test('all requests share the limit, and each one is served', async t => {
  const dir = t.testdir()
  const preparer = createPreparer(1)
  const jobs = await jobsFor(dir, 'a0.jpg', 'a1.jpg', 'b0.jpg', 'b1.jpg', 'c0.jpg', 'c1.jpg')
  const order: number[] = []
  const prepared = await Promise.all(jobs.map(async (job, index) => {
    const image = await preparer.prepare(job, never)
    order.push(index)
    return image
  }))
  t.same(prepared.map(image => image.path), jobs.map(job => job.file.path.replace('.jpg', '_compressed.png')))
  t.same(order, [0, 1, 2, 3, 4, 5], 'in the order of arrival')
})

t.test('an abort ends a preparation that waits, and its place is not lost', async t => {
  const dir = t.testdir()
  const preparer = createPreparer(1)
  const jobs = await jobsFor(dir, '0.jpg', '1.jpg', '2.jpg')
  const controller = new AbortController()
  const reason = new Error('the client left')
  const running = jobs.map(job => preparer.prepare(job, controller.signal))
  setImmediate(() => controller.abort(reason))
  for (const outcome of await Promise.allSettled(running)) t.match(outcome, { status: 'rejected', reason })
  t.same(await readdir(dir), ['0.jpg', '1.jpg', '2.jpg'])
  await t.rejects(preparer.prepare(jobs[0]!, AbortSignal.abort(reason)), reason)
  t.equal((await Promise.all(jobs.map(job => preparer.prepare(job, never)))).length, 3)
})

t.test('an image is prepared on the first request for it, and only once', async t => {
  const dir = t.testdir()
  const jobs = await jobsFor(dir, '0.jpg', '1.jpg')
  const preparer = watched(createPreparer(2))
  const preparation = prepare(preparer, jobs)
  const [one, again] = await Promise.all([preparation.image(1), preparation.image(1)])
  t.equal(one, again)
  t.same(preparer.started, ['1.jpg'])
  t.same(await readdir(dir), ['0.jpg', '1.jpg', '1_compressed.png'])
})

t.test('the first image that fails is reported, and images that wait are not started', async t => {
  const dir = t.testdir()
  const jobs =
    [await jobFor(dir, '0.jpg', 0.9), await jobFor(dir, '1.jpg', 0.3), ...await jobsFor(dir, '2.jpg', '3.jpg')]
  const preparation = prepare(createPreparer(2), jobs)
  const images = jobs.map((_, index) => preparation.image(index))
  const outcomes = await Promise.allSettled(images)
  t.same(outcomes.map(outcome => outcome.status), ['rejected', 'rejected', 'rejected', 'rejected'])
  t.match(await preparation.firstFailure(), {
    code: 'CORRUPT_IMAGE', message: /^images\[0\] \("0\.jpg"\)/, details: { image: 0 }
  })
  t.same(await readdir(dir), ['0.jpg', '1.jpg', '2.jpg', '3.jpg'])
})

t.test('end cancels preparations that wait, and none runs after it', async t => {
  const dir = t.testdir()
  const jobs = await jobsFor(dir, '0.jpg', '1.jpg', '2.jpg')
  const preparation = prepare(createPreparer(1), jobs)
  const images = jobs.map((_, index) => preparation.image(index))
  for (const image of images) image.catch(() => {})
  setImmediate(() => { void preparation.end() })
  await Promise.allSettled(images)
  await preparation.end()
  t.same(await readdir(dir), ['0.jpg', '1.jpg', '2.jpg'])
  t.equal(await preparation.firstFailure(), undefined, 'a cancelled preparation is not a failure')
})

t.test('an early preparation is used if its size is right, and repeated otherwise', async t => {
  const dir = t.testdir()
  const jobs = await jobsFor(dir, '0.jpg', '1.jpg')
  const early = await Promise.all(jobs.map(async (job, index): Promise<Anticipated> => {
    const before = { ...job, size: index === 0 ? size : { width: 112, height: 84 } }
    return { job: before, image: createPreparer(1).prepare(before, never), cancel () {} }
  }))
  const preparer = watched(createPreparer(2))
  const preparation = prepare(preparer, jobs, early)
  const prepared = await Promise.all([preparation.image(0), preparation.image(1)])
  t.match(prepared, [size, size])
  t.same(preparer.started, ['1.jpg'])
})

t.test('early preparations that are no longer needed are cancelled too', async t => {
  const dir = t.testdir()
  // Enough images that the damaged one is found before all of them are prepared.
  const names = Array.from({ length: 12 }, (_, index) => `${index + 1}.jpg`)
  const jobs = [await jobFor(dir, '0.jpg', 0.9), ...await jobsFor(dir, ...names)]
  const preparer = createPreparer(1)
  const early = jobs.slice(1).map((job): Anticipated => {
    const own = new AbortController()
    const image = preparer.prepare(job, own.signal)
    image.catch(() => {})
    return { job, image, cancel: () => own.abort(CALLED_OFF) }
  })
  const preparation = prepare(createPreparer(1), jobs, [undefined, ...early])
  const images = jobs.map((_, index) => preparation.image(index))
  await Promise.allSettled(images)
  await preparation.end()
  t.match(await preparation.firstFailure(), { code: 'CORRUPT_IMAGE', details: { image: 0 } })
  t.ok((await readdir(dir)).length < 2 * jobs.length - 1, 'not all of the early ones were prepared')
})

t.test('an image whose early preparation was cancelled is prepared if it is needed', async t => {
  const dir = t.testdir()
  const [job] = await jobsFor(dir, '0.jpg')
  const own = new AbortController()
  own.abort(CALLED_OFF)
  const image = createPreparer(1).prepare(job!, own.signal)
  image.catch(() => {})
  t.match(await prepare(createPreparer(1), [job!], [{ job: job!, image, cancel () {} }]).image(0), size)
})

t.test('an aborted preparation rejects at once, and keeps its place until sharp has finished', async t => {
  const dir = t.testdir()
  const gate = createGate(1)
  const preparer = createPreparer(1, gate)
  const [large] = await largeJobs(dir, '0.jpg')
  const [small] = await jobsFor(dir, '1.jpg')
  const controller = new AbortController()
  const reason = new Error('the client left')
  const story: string[] = []
  const aborted = preparer.prepare(large!, controller.signal)
    .catch(error => { story.push(error === reason ? 'aborted' : String(error)) })
  const next = preparer.prepare(small!, never).then(() => story.push('the next one is prepared'))
  await sleep(1)
  controller.abort(reason)
  await aborted
  await next
  await gate.idle()
  t.same(story, ['aborted', 'the next one is prepared'])
  t.same(await readdir(dir), ['0.jpg', '1.jpg', '1_compressed.png'])
})

t.test('a second preparation of a file waits for the first one, which was aborted', async t => {
  const dir = t.testdir()
  const gate = createGate(2)
  const preparer = createPreparer(2, gate)
  const [job] = await largeJobs(dir, '0.jpg')
  for (let round = 0; round < 10; round++) {
    const controller = new AbortController()
    const aborted = preparer.prepare(job!, controller.signal)
    await sleep(round)
    controller.abort(new Error('not needed'))
    await t.rejects(aborted)
    t.match(await preparer.prepare(job!, never), size)
    await gate.idle()
    t.same(await readdir(dir), ['0.jpg', '0_compressed.png'], 'the second output was not removed by the first call')
  }
})

t.test('end does not wait for sharp after an abort of the request', async t => {
  const dir = t.testdir()
  const gate = createGate(2)
  const jobs = await largeJobs(dir, '0.jpg', '1.jpg', '2.jpg')
  const controller = new AbortController()
  const preparation = new Preparation(createPreparer(2, gate), jobs, [], new AbortController(), controller.signal)
  for (let index = 0; index < jobs.length; index++) preparation.image(index).catch(() => {})
  await sleep(1)
  const story: string[] = []
  const idle = gate.idle().then(() => story.push('sharp has finished'))
  controller.abort(new Error('the client left'))
  await preparation.end()
  story.push('the preparation has ended')
  await idle
  t.same(story, ['the preparation has ended', 'sharp has finished'])
  t.equal(await preparation.firstFailure(), undefined, 'an abort is not a failure')
  t.same(await readdir(dir), ['0.jpg', '1.jpg', '2.jpg'])
})

t.test('200 aborts during preparations leave no file and free every place', async t => {
  const dir = t.testdir({ uploads: {} })
  const uploads = `${dir}/uploads`
  const store = createUploadStore({ dir: uploads, foreignAgeMs: 60_000 })
  const bytes = await noise(1200, 900).jpeg().toBuffer()
  const random = integers(5)
  const gate = createGate(2)
  const preparer = createPreparer(2, gate)
  const reason = new Error('the client left')
  let released = 0
  let prepared = 0

  async function abortOne (): Promise<void> {
    const slot = { id: 0, waitedMs: 0, release: () => { released++ } }
    const work = createWork({ slot, log: silent, timeoutMs: 60_000, timeoutError: () => new Error('too late') })
    work.folder = await store.open('abort')
    const jobs = await Promise.all([0, 1].map(async index => await storeJob(work.folder!.file(index, 'upload'), bytes)))
    const preparation = new Preparation(preparer, jobs, [], new AbortController(), work.signal)
    const run = work.run(async () => {
      await Promise.allSettled(jobs.map(async (_, index) => {
        await preparation.image(index)
        prepared++
      }))
      await preparation.end()
    })
    await sleep(random(60))
    work.abort(reason)
    await work.end()
    await run
  }

  for (let round = 0; round < 50; round++) await Promise.all([abortOne(), abortOne(), abortOne(), abortOne()])
  t.equal(released, 200)
  t.ok(prepared < 400, `${prepared} of 400 images were prepared before their abort`)
  t.same(await readdir(uploads), [])
  t.equal(store.count(), 0)
  await gate.idle()
  t.same(await readdir(uploads), [], 'nothing was written after the folders were removed')
})
