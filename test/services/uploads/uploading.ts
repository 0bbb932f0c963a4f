import type { Slot } from '../../../services/slots.ts'
import { createUploadStore } from '../../../services/upload-store.ts'
import { createImageFetcher } from '../../../services/uploads/fetch-image.ts'
import { Upload, type UploadOptions } from '../../../services/uploads/upload.ts'
import { createWork, type Work } from '../../../services/work.ts'
import { silent } from '../../helper.ts'

/** Creates the upload of a request. The test ends its work. */
export function createUpload (dir: string, options: Partial<UploadOptions> = {}): { work: Work, upload: Upload } {
  const work = startWork()
  return { work, upload: uploadOf(work, dir, options) }
}

export function startWork (): Work {
  const slot: Slot = { id: 1, waitedMs: 0, release () {} }
  return createWork({ slot, log: silent, timeoutMs: 60_000, timeoutError: () => new Error('Too late') })
}

export function uploadOf (work: Work, dir: string, options: Partial<UploadOptions> = {}): Upload {
  return new Upload({
    store: createUploadStore({ dir, foreignAgeMs: 1_000 }),
    fetcher: createImageFetcher({ hosts: [], maxFileSizeMb: 1 }),
    maxImages: 3,
    maxFileSizeMb: 1,
    uploadTimeoutMs: 60_000,
    onSaved: async () => {},
    ...options
  }, work, { id: 'request', scope: '' })
}
