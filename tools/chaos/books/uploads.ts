import { readdirSync } from 'node:fs'

/** A request's folder under UPLOAD_DIR, as its name tells. */
export interface Folder { name: string, pid: number, requestId: string }

export interface Listing {
  folders: Folder[]
  /** What is no folder of a request. */
  strangers: string[]
}

const FOLDER = /^[A-Za-z0-9.]+-(\d+)-\d+-([0-9a-f-]{36})_[0-9a-f]{16}$/

export function listUploads (dir: string): Listing {
  const listing: Listing = { folders: [], strangers: [] }
  for (const name of namesIn(dir)) {
    const found = FOLDER.exec(name)
    if (found) listing.folders.push({ name, pid: Number(found[1]), requestId: found[2]! })
    else listing.strangers.push(name)
  }
  return listing
}

/** It is made with the first image. */
function namesIn (dir: string): string[] {
  try {
    return readdirSync(dir)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
