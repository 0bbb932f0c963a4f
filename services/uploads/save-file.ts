import { createHash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { Transform, type Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { StorageError } from '../../errors/catalogue.ts'
import { verbatim } from '../../errors/language.ts'
import { STORAGE_FAULTS } from '../../errors/phrases.ts'

export interface SavedFile {
  bytes: number
  /** `sha256:<64 hex digits>`. */
  id: string
}

/** The largest size of a file in bytes, and the error for a larger one. */
export interface SizeLimit { bytes: number, error: () => Error }

/**
 * Bytes that may wait for the disk. They are written at once, so an upload needs few turns of the threads that it
 * shares with the preparation of images.
 */
const WAITING_BYTES = 256 * 1024

/**
 * Streams bytes to a new file and hashes them. The source is destroyed on every error.
 * @throws StorageError when the file cannot be written; the reason of `signal`; the error of `limit`; whatever the
 *   source throws
 */
export async function saveFile (
  source: Readable, path: string, signal: AbortSignal, limit?: SizeLimit
): Promise<SavedFile> {
  const hash = createHash('sha256')
  let bytes = 0
  const hashing = new Transform({
    transform (chunk: Buffer, _encoding, done) {
      hash.update(chunk)
      bytes += chunk.length
      if (limit && bytes > limit.bytes) done(limit.error())
      else done(null, chunk)
    }
  })
  const file = createWriteStream(path, { flags: 'wx', mode: 0o600, highWaterMark: WAITING_BYTES })
  try {
    await pipeline(source, hashing, file, { signal })
  } catch (error) {
    signal.throwIfAborted()
    if (!isDiskError(error)) throw error
    throw new StorageError(error.code === 'ENOSPC' ? STORAGE_FAULTS.diskFull : verbatim(error.code))
  }
  return { bytes, id: `sha256:${hash.digest('hex')}` }
}

const DISK_ERRORS =
  new Set(['ENOSPC', 'EACCES', 'EROFS', 'EIO', 'EDQUOT', 'EMFILE', 'ENFILE', 'ENOENT', 'ENOTDIR', 'EEXIST'])

function isDiskError (error: unknown): error is NodeJS.ErrnoException & { code: string } {
  return DISK_ERRORS.has((error as NodeJS.ErrnoException).code ?? '')
}
