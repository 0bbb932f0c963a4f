import { Readable } from 'node:stream'
import t from 'tap'
import { createUpload, startWork, uploadOf } from './uploading.ts'

const TIMEOUT_MS = 100
const options = { uploadTimeoutMs: TIMEOUT_MS }

/** The reason of an abort within twice the deadline of the upload, or null. */
async function abortReason (signal: AbortSignal): Promise<{ code?: string } | null> {
  await new Promise(resolve => setTimeout(resolve, 2 * TIMEOUT_MS))
  return signal.aborted ? signal.reason : null
}

t.test('the deadline aborts the work while images are still arriving', async t => {
  const { work } = createUpload(t.testdir(), options)
  t.match(await abortReason(work.signal), { code: 'UPLOAD_TIMEOUT' })
  await work.end()
})

t.test('the deadline stops when the images are on disk, and when the work ends', async t => {
  const finished = createUpload(t.testdir(), options)
  await finished.upload.saveSources([])
  t.equal(await abortReason(finished.work.signal), null)
  t.type(finished.upload.uploadMs, 'number')
  await finished.work.end()

  const ended = createUpload(t.testdir(), options)
  await ended.work.end()
  t.equal(await abortReason(ended.work.signal), null)
})

t.test('work that ended before its upload began has no deadline', async t => {
  const work = startWork()
  const ended = work.end()
  uploadOf(work, t.testdir(), options)
  await ended
  t.equal(await abortReason(work.signal), null)
})

t.test('an image is saved for its reference alone', async t => {
  const { work, upload } = createUpload(t.testdir())
  const file = await upload.save(Readable.from([Buffer.from('Hi')]), { field: 'images[0]', index: 0 })
  const reference = upload.referTo(file, 'data:image/png;base64,')
  t.match(reference, /^data:image\/png;base64,\{[0-9a-f-]{36}\}$/)
  await upload.saveSources([{ field: 'images[0]', uri: reference, remote: false }])
  t.equal(upload.images[0], file)
  for (const uri of [`${reference} `, 'data:image/png;base64,SGk=', 'data:image/png;base64,{}']) {
    await t.rejects(upload.saveSources([{ field: 'images[0]', uri, remote: true }]), { code: 'INVALID_FIELD' })
  }
  await work.end()
})

t.test('after an abort nothing is saved', async t => {
  const dir = t.testdir()
  const { work, upload } = createUpload(dir)
  work.abort(new Error('gone'))
  await t.rejects(upload.save(Readable.from([Buffer.from('Hi')]), { field: 'images[0]', index: 0 }), /gone/)
  t.equal(work.folder, null)
  await work.end()
})
