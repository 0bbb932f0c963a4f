import t from 'tap'
import type { Slot } from '../../../services/slots.ts'
import { createUploadStore } from '../../../services/upload-store.ts'
import { createImageFetcher } from '../../../services/uploads/fetch-image.ts'
import { Upload } from '../../../services/uploads/upload.ts'
import { createWork } from '../../../services/work.ts'
import { silent } from '../../helper.ts'

const TIMEOUT_MS = 100

function createUpload (dir: string, endFirst: boolean) {
  const slot: Slot = { id: 1, waitedMs: 0, release () {} }
  const work = createWork({ slot, log: silent, timeoutMs: 60_000, timeoutError: () => new Error('Too late') })
  const ended = endFirst ? work.end() : Promise.resolve()
  const upload = new Upload({
    store: createUploadStore({ dir, foreignAgeMs: 1_000 }),
    fetcher: createImageFetcher({ hosts: [], maxFileSizeMb: 1 }),
    maxImages: 1,
    maxFileSizeMb: 1,
    uploadTimeoutMs: TIMEOUT_MS
  }, work, 'request')
  return { work, upload, ended }
}

/** The reason of an abort within twice the deadline of the upload, or null. */
async function abortReason (signal: AbortSignal): Promise<{ code?: string } | null> {
  await new Promise(resolve => setTimeout(resolve, 2 * TIMEOUT_MS))
  return signal.aborted ? signal.reason : null
}

t.test('the deadline aborts the work while images are still arriving', async t => {
  const { work } = createUpload(t.testdir(), false)
  t.match(await abortReason(work.signal), { code: 'UPLOAD_TIMEOUT' })
  await work.end()
})

t.test('the deadline stops when the images are on disk, and when the work ends', async t => {
  const finished = createUpload(t.testdir(), false)
  await finished.upload.saveSources([])
  t.equal(await abortReason(finished.work.signal), null)
  t.type(finished.upload.uploadMs, 'number')
  await finished.work.end()

  const ended = createUpload(t.testdir(), false)
  await ended.work.end()
  t.equal(await abortReason(ended.work.signal), null)
})

t.test('work that ended before its upload began has no deadline', async t => {
  const { work, ended } = createUpload(t.testdir(), true)
  await ended
  t.equal(await abortReason(work.signal), null)
})
