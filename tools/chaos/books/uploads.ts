import { readdirSync } from 'node:fs'

/** A request's folder under UPLOAD_DIR, parsed from its name. */
export interface Folder { name: string, pid: number, requestId: string }

export interface Listing {
  folders: Folder[]
  /** Entries that are not folders of requests. */
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

/** The service creates the folder with the first image. */
function namesIn (dir: string): string[] {
  try {
    return readdirSync(dir)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
