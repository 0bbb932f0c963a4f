import { execFile } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { open, rm, statfs } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { Fault } from './fault.ts'

const run = promisify(execFile)

/** Large enough for the uploads of all slots, and quickly filled. */
const DISK_MB = 96
const BLOCK = Buffer.alloc(1024 * 1024)
const FULL_MS = { least: 300, most: 3000 }
/** Free space of a full disk: none, or too little for an image or for its copy. */
const LEFT_BYTES = [0, 4096, 20_000, 300_000]

export interface Disk {
  /** Null if nothing can be mounted; `reason` explains why. */
  dir: string | null
  reason: string
  remove (): Promise<void>
}

/** Mounts a small file system at a folder, which needs root privileges. */
export async function createDisk (dir: string): Promise<Disk> {
  mkdirSync(dir, { recursive: true })
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MB}m,mode=700`, 'chaos', dir])
  } catch (error) {
    const text = String((error as { stderr?: string }).stderr || (error as Error).message)
    return {
      dir: null,
      reason: `no file system can be mounted: ${text.trim().split('\n')[0]}`,
      remove: async () => {}
    }
  }
  return { dir, reason: '', remove: async () => { await run('umount', ['--lazy', dir]) } }
}

/** The disk of the upload folder is full for a while. */
export const diskFull: Fault = {
  name: 'disk-full',
  cards: 2,
  excuses: ['error 507 STORAGE', 'event STORAGE'],
  stalls: false,
  missing: ({ disk }) => disk === null ? 'it needs a separate file system' : null,

  async run ({ disk }, draw) {
    const filler = path.join(disk!, 'filler')
    const left = draw.pick(LEFT_BYTES)
    const ms = draw.between(FULL_MS.least, FULL_MS.most)
    try {
      await fill(disk!, filler, left)
      await sleep(ms)
    } finally {
      await rm(filler, { force: true })
    }
    return `${left} bytes left for ${ms} ms`
  }
}

async function fill (disk: string, filler: string, left: number): Promise<void> {
  const file = await open(filler, 'w')
  try {
    for (;;) {
      const { bavail, bsize } = await statfs(disk)
      const bytes = Math.min(BLOCK.length, bavail * bsize - left)
      if (bytes <= 0) return
      await file.write(BLOCK, 0, bytes)
    }
  } catch (error) {
    // A request has taken the last bytes, so the disk is full nevertheless.
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
  } finally {
    await file.close()
  }
}
