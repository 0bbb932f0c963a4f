import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { mkdir, readdir, rm, stat } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { StorageError } from '../errors.ts'

/** The temporary files of one request. */
export interface RequestFolder {
  readonly path: string
  /** Path of the upload with this index: named by us, whatever the client called it. */
  file (index: number, extension: string): string
  /** Removes the folder and says what was in it. Idempotent: later calls give the first call's answer. */
  remove (): Promise<{ original: number, compressed: number }>
}

export interface UploadStore {
  /** @throws StorageError when the folder cannot be made */
  open (requestId: string): Promise<RequestFolder>
  /** Removes the folders of processes that are no more; returns how many. Leaves living neighbours' and strange files alone. */
  sweep (): Promise<number>
  /** Folders of this process that exist now. */
  count (): number
}

export interface UploadStoreOptions {
  dir: string
  /** Folders of other hosts (a shared volume, an earlier container) are swept when nothing changed in them for this long. */
  foreignAgeMs: number
}

/** `<host>-<pid>-<start time>-<id>`: whose folder it is can be read off its name. */
const FOLDER = /^([A-Za-z0-9.]+)-(\d+)-(\d+)-([A-Za-z0-9_-]+)$/
const ID_MAX = 64
const REMOVE_RETRIES = 5

const HOST = os.hostname().replace(/[^A-Za-z0-9.]/g, '.') || 'localhost'
const OWN = { host: HOST, pid: process.pid, start: startTimeOf(process.pid) ?? Math.floor(performance.timeOrigin) }

export function createUploadStore ({ dir, foreignAgeMs }: UploadStoreOptions): UploadStore {
  const open = new Set<string>()

  return {
    count: () => open.size,

    async open (requestId) {
      const id = requestId.replace(/[^A-Za-z0-9_-]/g, '').slice(0, ID_MAX)
      const folder = path.join(dir, `${OWN.host}-${OWN.pid}-${OWN.start}-${id}_${randomBytes(4).toString('hex')}`)
      try {
        await mkdir(folder, { recursive: true, mode: 0o700 })
      } catch (error) {
        throw new StorageError(`the upload folder cannot be made (${(error as NodeJS.ErrnoException).code})`)
      }
      open.add(folder)
      return createFolder(folder, () => open.delete(folder))
    },

    async sweep () {
      const names = await readdir(dir).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return []
        throw error
      })
      const stale = await Promise.all(names.map(async name => {
        const match = FOLDER.exec(name)
        if (!match || !await isStale(path.join(dir, name), match[1]!, Number(match[2]), Number(match[3]), foreignAgeMs)) return 0
        await rm(path.join(dir, name), { recursive: true, force: true, maxRetries: REMOVE_RETRIES })
        return 1
      }))
      return stale.reduce<number>((sum, one) => sum + one, 0)
    }
  }
}

function createFolder (folder: string, onRemoved: () => void): RequestFolder {
  let removed: Promise<{ original: number, compressed: number }> | null = null

  async function remove (): Promise<{ original: number, compressed: number }> {
    const files = await readdir(folder).catch(() => [])
    const compressed = files.filter(file => file.includes('_compressed.')).length
    await rm(folder, { recursive: true, force: true, maxRetries: REMOVE_RETRIES })
    onRemoved()
    return { original: files.length - compressed, compressed }
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

async function isStale (folder: string, host: string, pid: number, start: number, foreignAgeMs: number): Promise<boolean> {
  if (host !== OWN.host) {
    const entry = await stat(folder).catch(() => null)
    return entry !== null && Date.now() - entry.mtimeMs > foreignAgeMs
  }
  if (pid === OWN.pid) return start !== OWN.start
  return !isAlive(pid, start)
}

function isAlive (pid: number, start: number): boolean {
  const actual = startTimeOf(pid)
  if (actual !== null) return actual === start
  try {
    process.kill(pid, 0)
    // Without /proc a process id is all there is to go by.
    return process.platform !== 'linux'
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** When a process started, in clock ticks since the machine did; null where there is no /proc or no such process. */
function startTimeOf (pid: number): number | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name in parentheses may hold blanks and parentheses; field 22 is the 20th after it.
    return Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[19])
  } catch {
    return null
  }
}
