import { readdir } from 'node:fs/promises'
import t from 'tap'
import { inspectImage } from '../../../services/images/inspect.ts'
import { CALLED_OFF, Preparation, type Anticipated } from '../../../services/images/preparation.ts'
import { createPreparer, type PrepareJob, type Preparer } from '../../../services/images/preparer.ts'
import { LIMITS, noise, store } from './draw.ts'

const target = { width: 56, height: 28 }
const never = new AbortController().signal

/** @param keep part of the file that is there */
async function jobFor (dir: string, name: string, keep = 1): Promise<PrepareJob> {
  const bytes = await noise(400, 300).jpeg().toBuffer()
  const file = await store(dir, name, bytes.subarray(0, Math.floor(bytes.length * keep)))
  return { file, header: await inspectImage(file, LIMITS), target }
}

const jobsFor = async (dir: string, ...names: string[]) => await Promise.all(names.map(async name => await jobFor(dir, name)))

function prepare (preparer: Preparer, jobs: PrepareJob[], early: Array<Anticipated | undefined> = []): Preparation {
  const stop = new AbortController()
  return new Preparation(preparer, jobs, early, stop, stop.signal)
}

/** Counts how many are being prepared at once, and remembers which were begun. */
function watched (preparer: Preparer): Preparer & { begun: string[] } {
  const begun: string[] = []
  return {
    begun,
    async prepare (job, signal) {
      begun.push(job.file.path.split('/').at(-1)!)
      return await preparer.prepare(job, signal)
    }
  }
}

t.test('the limit is shared by all requests, and everybody is served', async t => {
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
  t.same(order, [0, 1, 2, 3, 4, 5], 'one after the other, first come first served')
})

t.test('one that waits for its turn gives way to the signal, and no place is lost', async t => {
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

t.test('a preparation begins a picture when it is asked for, and only once', async t => {
  const dir = t.testdir()
  const jobs = await jobsFor(dir, '0.jpg', '1.jpg')
  const preparer = watched(createPreparer(2))
  const preparation = prepare(preparer, jobs)
  const [one, again] = await Promise.all([preparation.image(1), preparation.image(1)])
  t.equal(one, again)
  t.same(preparer.begun, ['1.jpg'])
  t.same(await readdir(dir), ['0.jpg', '1.jpg', '1_compressed.png'])
})

t.test('the first picture that fails is told, and those that have not begun are not begun', async t => {
  const dir = t.testdir()
  const jobs = [await jobFor(dir, '0.jpg', 0.9), await jobFor(dir, '1.jpg', 0.3), ...await jobsFor(dir, '2.jpg', '3.jpg')]
  const preparation = prepare(createPreparer(2), jobs)
  const images = jobs.map((_, index) => preparation.image(index))
  const outcomes = await Promise.allSettled(images)
  t.same(outcomes.map(outcome => outcome.status), ['rejected', 'rejected', 'rejected', 'rejected'])
  t.match(await preparation.firstFailure(), { code: 'CORRUPT_IMAGE', message: /^images\[0\] \("0\.jpg"\)/, details: { image: 0 } })
  t.same(await readdir(dir), ['0.jpg', '1.jpg', '2.jpg', '3.jpg'])
})

t.test('the end calls off what waits, and nothing runs any more when it is there', async t => {
  const dir = t.testdir()
  const jobs = await jobsFor(dir, '0.jpg', '1.jpg', '2.jpg')
  const preparation = prepare(createPreparer(1), jobs)
  const images = jobs.map((_, index) => preparation.image(index))
  for (const image of images) image.catch(() => {})
  setImmediate(() => { void preparation.end() })
  await Promise.allSettled(images)
  await preparation.end()
  t.same(await readdir(dir), ['0.jpg', '1.jpg', '2.jpg'])
  t.equal(await preparation.firstFailure(), undefined, 'that is no failure')
})

t.test('what was prepared early is used where the size is right, and made anew where it is not', async t => {
  const dir = t.testdir()
  const jobs = await jobsFor(dir, '0.jpg', '1.jpg')
  const early = await Promise.all(jobs.map(async (job, index): Promise<Anticipated> => {
    const before = { ...job, target: index === 0 ? target : { width: 112, height: 84 } }
    return { job: before, image: createPreparer(1).prepare(before, never), cancel () {} }
  }))
  const preparer = watched(createPreparer(2))
  const preparation = prepare(preparer, jobs, early)
  const prepared = await Promise.all([preparation.image(0), preparation.image(1)])
  t.match(prepared, [target, target])
  t.same(preparer.begun, ['1.jpg'])
})

t.test('what was begun early and is not needed any more is called off too', async t => {
  const dir = t.testdir()
  const jobs = [await jobFor(dir, '0.jpg', 0.9), ...await jobsFor(dir, '1.jpg', '2.jpg', '3.jpg')]
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
  t.ok((await readdir(dir)).length < 7, 'not all of the early ones were prepared')
})

t.test('a picture whose early preparation was called off is prepared when it is needed after all', async t => {
  const dir = t.testdir()
  const [job] = await jobsFor(dir, '0.jpg')
  const own = new AbortController()
  own.abort(CALLED_OFF)
  const image = createPreparer(1).prepare(job!, own.signal)
  image.catch(() => {})
  t.match(await prepare(createPreparer(1), [job!], [{ job: job!, image, cancel () {} }]).image(0), target)
})
