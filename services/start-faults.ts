import { statfs } from 'node:fs/promises'
import type { Config } from '../config/config.ts'
import { uploadDirFault } from './upload-store.ts'

// What keeps the service from starting or from working well, in sentences for the operator. Each names the setting.

/** Returns the reason why uploads cannot be stored, otherwise null. Creates the folder. */
export async function uploadFault ({ uploadDir }: Pick<Config, 'uploadDir'>): Promise<string | null> {
  const fault = await uploadDirFault(uploadDir)
  return fault && `UPLOAD_DIR=${uploadDir} cannot be used: ${fault.en}`
}

/** Returns the reason why the service cannot listen. */
export function listenFault (error: unknown, { host, port }: Pick<Config, 'host' | 'port'>): string {
  const { code, message } = error as NodeJS.ErrnoException
  switch (code) {
    case 'EADDRINUSE':
      return `PORT=${port} is in use on ${host}: stop the program that uses it, or set another PORT`
    case 'EACCES':
      return `PORT=${port} is reserved for privileged processes: set a PORT from 1024 to 65535`
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
    case 'EINVAL':
      return `HOST=${host} is no address of this machine: set 127.0.0.1, 0.0.0.0 or an address of this machine`
    default:
      return message
  }
}

const MB = 1024 * 1024

/** Returns a warning if the uploads of all slots do not fit the free space of `UPLOAD_DIR`, otherwise null. */
export async function uploadSpaceWarning (
  { uploadDir, maxConcurrentRequests: slots, maxImages, maxFileSizeMb }:
  Pick<Config, 'uploadDir' | 'maxConcurrentRequests' | 'maxImages' | 'maxFileSizeMb'>
): Promise<string | null> {
  if (slots === 'auto') return null
  const { bavail, bsize } = await statfs(uploadDir)
  const free = Math.floor(bavail * bsize / MB)
  const needed = Math.ceil(slots * maxImages * maxFileSizeMb)
  if (needed <= free) return null
  return `${slots} slots with ${maxImages} images of ${maxFileSizeMb} MB need ${needed} MB, but UPLOAD_DIR has ` +
    `${free} MB free: make room, or lower MAX_CONCURRENT_REQUESTS, MAX_IMAGES or MAX_FILE_SIZE_MB`
}
