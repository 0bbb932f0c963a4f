import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { StorageError } from '../errors/catalogue.ts'
import { verbatim, type Phrase } from '../errors/language.ts'
import { STORAGE_FAULTS } from '../errors/phrases.ts'

/** The temporary files of one request. */
export interface RequestFolder {
  readonly path: string
  /** Returns the path for the upload with this index. The name that the client gave it is not used. */
  file (index: number, extension: string): string
  /**
   * Removes the folder and returns the number of files in it. An aborted preparation may still be writing: retries
   * remove files that appear meanwhile, and later writes fail without the folder. Idempotent: later calls return the
   * result of the first one, or try again if it failed.
   */
  remove (): Promise<{ original: number, compressed: number }>
}

export interface UploadStore {
  /**
   * Creates the folder of a request. The id is reduced to harmless characters and need not be unique.
   * @throws StorageError when the folder cannot be created
   */
  open (requestId: string): Promise<RequestFolder>
  /**
   * Removes the folders of processes that have ended, and returns their number. It keeps folders of running processes,
   * other files, and folders that it may not remove. Containers that share a folder need different host names, because
   * processes of another container look ended from here.
   */
  sweep (): Promise<number>
  /** Returns the number of existing folders of this process. */
  count (): number
}

export interface UploadStoreOptions {
  dir: string
  /** Folders of other hosts (a shared volume, an earlier container) are removed after this time without a change. */
  foreignAgeMs: number
}

/**
 * `<host>-<pid>-<start time>-<id>`: the name of a folder identifies its process. The id ends in 16 random hexadecimal
 * digits, so that a folder like `holiday-2024-11-12` is never mistaken for one of process 2024.
 */
const FOLDER = /^([A-Za-z0-9.]+)-([1-9]\d*)-([1-9]\d*)-[A-Za-z0-9_-]+_[0-9a-f]{16}$/
const HOST_MAX = 64
const ID_MAX = 64
const UNIQUE_BYTES = 8
const REMOVE_RETRIES = 10
/** Pause before the first retry. Each further pause is longer by as much. */
const REMOVE_RETRY_MS = 10
const REMOVE_OPTIONS = { recursive: true, force: true, maxRetries: REMOVE_RETRIES, retryDelay: REMOVE_RETRY_MS }

const REASONS: Record<string, Phrase> = {
  ENOSPC: STORAGE_FAULTS.diskFull,
  EDQUOT: STORAGE_FAULTS.quotaUsedUp,
  EROFS: STORAGE_FAULTS.readOnly,
  ENOENT: STORAGE_FAULTS.cannotExist,
  EACCES: STORAGE_FAULTS.notAllowed,
  EPERM: STORAGE_FAULTS.notAllowed,
  ENOTDIR: STORAGE_FAULTS.notAFolder,
  EEXIST: STORAGE_FAULTS.notAFolder
}

const HOST = os.hostname().replace(/[^A-Za-z0-9.]/g, '.').slice(0, HOST_MAX) || 'localhost'
const OWN = { host: HOST, pid: process.pid, start: processOf(process.pid)?.start ?? Math.floor(performance.timeOrigin) }

export function createUploadStore ({ dir, foreignAgeMs }: UploadStoreOptions): UploadStore {
  const open = new Set<string>()

  return {
    count: () => open.size,

    async open (requestId) {
      const id = requestId.replace(/[^A-Za-z0-9_-]/g, '').slice(0, ID_MAX) || 'request'
      const folder = path.join(dir, nameFolder(id))
      await makeFolder(dir, folder)
      open.add(folder)
      return createFolder(folder, () => open.delete(folder))
    },

    async sweep () {
      const entries = await readdir(dir, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return []
        throw error
      })
      const removed = await Promise.all(entries.map(async entry => {
        const owner = FOLDER.exec(entry.name)
        // A link with such a name was not created by this service.
        if (!owner || !entry.isDirectory()) return false
        const folder = path.join(dir, entry.name)
        if (!await isStale(folder, owner[1]!, Number(owner[2]), Number(owner[3]), foreignAgeMs)) return false
        // A folder of another user must not keep the service from starting.
        return rm(folder, REMOVE_OPTIONS).then(() => true, () => false)
      }))
      return removed.filter(Boolean).length
    }
  }
}

/**
 * Creates the folder of all uploads if it does not exist, and writes a file to it.
 * @returns why that is impossible, otherwise null
 */
export async function uploadDirFault (dir: string): Promise<Phrase | null> {
  const folder = path.join(dir, nameFolder('check'))
  try {
    await makeAll(dir)
    await mkdir(folder, { mode: 0o700 })
    await writeFile(path.join(folder, 'check'), 'check')
    await rm(folder, REMOVE_OPTIONS)
    await readdir(dir)
    return null
  } catch (error) {
    // A later start removes a folder that cannot be removed now.
    await rm(folder, REMOVE_OPTIONS).catch(() => {})
    return reasonOf(error)
  }
}

function nameFolder (id: string): string {
  return `${OWN.host}-${OWN.pid}-${OWN.start}-${id}_${randomBytes(UNIQUE_BYTES).toString('hex')}`
}

/** Creates both folders. The inner one is created without `recursive`, which would accept an existing folder. */
async function makeFolder (dir: string, folder: string): Promise<void> {
  try {
    await makeAll(dir)
    await mkdir(folder, { mode: 0o700 })
  } catch (error) {
    // The original error contains the whole path, so it is for the log only.
    throw Object.assign(new StorageError(reasonOf(error)), { cause: error })
  }
}

/**
 * Creates a folder and those above it that do not exist. `mkdir` with `recursive` never returns where nobody may create
 * folders and the system says that the path does not exist, as in /proc.
 */
async function makeAll (dir: string): Promise<void> {
  const isThere = await mkdir(dir, { mode: 0o700 }).then(() => true, async (error: NodeJS.ErrnoException) => {
    if (error.code === 'EEXIST' && (await stat(dir)).isDirectory()) return true
    if (error.code === 'ENOENT' && !await stat(path.dirname(dir)).catch(() => null)) return false
    throw error
  })
  if (isThere) return
  await makeAll(path.dirname(dir))
  await makeAll(dir)
}

function reasonOf (error: unknown): Phrase {
  const { code = 'UNKNOWN' } = error as NodeJS.ErrnoException
  return REASONS[code] ?? verbatim(code)
}

function createFolder (folder: string, onRemoved: () => void): RequestFolder {
  let counts: { original: number, compressed: number } | null = null
  let removed: Promise<{ original: number, compressed: number }> | null = null

  async function remove (): Promise<{ original: number, compressed: number }> {
    // A second attempt returns the counts of the first one.
    counts ??= countFiles(await readdir(folder).catch(() => []))
    try {
      await rm(folder, REMOVE_OPTIONS)
    } catch (error) {
      removed = null
      throw error
    }
    onRemoved()
    return counts
  }

  return {
    path: folder,
    file: (index, extension) => path.join(folder, `${index}.${extension.replace(/[^A-Za-z0-9]/g, '')}`),
    remove () {
      removed ??= remove()
      return removed
    }
  }
}

function countFiles (names: string[]): { original: number, compressed: number } {
  const compressed = names.filter(name => name.includes('_compressed.')).length
  return { original: names.length - compressed, compressed }
}

async function isStale (
  folder: string, host: string, pid: number, start: number, foreignAgeMs: number
): Promise<boolean> {
  if (host !== OWN.host) {
    const entry = await stat(folder).catch(() => null)
    return entry !== null && Date.now() - entry.mtimeMs > foreignAgeMs
  }
  return !isAlive(pid, start)
}

function isAlive (pid: number, start: number): boolean {
  if (pid === OWN.pid) return start === OWN.start
  const running = processOf(pid)
  // A zombie is still in the process table, but it has ended.
  if (running) return running.start === start && !'ZX'.includes(running.state)
  try {
    process.kill(pid, 0)
    // Without /proc the start time is unknown.
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Returns state and start of a process (in clock ticks since boot), or null without /proc or such a process. */
function processOf (pid: number): { state: string, start: number } | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name in parentheses may contain blanks and parentheses. The state is field 3, the start is field 22.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return { state: fields[0]!, start: Number(fields[19]) }
  } catch {
    return null
  }
}
