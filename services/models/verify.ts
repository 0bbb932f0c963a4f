import { createHash } from 'node:crypto'
import { createReadStream, statSync } from 'node:fs'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import { GgufInsights, readGgufFileInfo, type Llama } from 'node-llama-cpp'
import { listHubFiles, parseHubAddress, type HubFile } from './hub.ts'

/**
 * Returns the size of a file in bytes, after checking that it is as long as its header requires.
 * @throws Error with the name of the file, if it is shorter or not a GGUF file
 */
export async function assertComplete (file: string, llama: Llama): Promise<number> {
  const { size } = statSync(file)
  const info = await readGgufFileInfo(file, { sourceType: 'filesystem', spliceSplitFiles: false, logWarnings: false })
    .catch((error: Error) => {
      throw new Error(`${path.basename(file)} is not a complete GGUF file: ${error.message}`)
    })
  // Padding between tensors may make the file longer.
  const least = (info.infoEndOffset ?? 0) + (await GgufInsights.from(info, llama)).modelSize
  if (size < least) {
    throw new Error(
      `${path.basename(file)} is truncated: it has ${size} of at least ${least} bytes. Delete it and pull it again`
    )
  }
  return size
}

/** The result of a comparison with the hub. `why` says why a file could not be compared. */
export type HubVerdict = { state: 'verified' } | { state: 'unknown', why: string }

/**
 * Compares the size and checksum of a file with those on the hub.
 * @param uri the address from which the file was downloaded
 * @throws Error if they differ
 */
export async function compareWithHub (file: string, uri: string): Promise<HubVerdict> {
  const address = parseHubAddress(uri)
  if (address === null) return { state: 'unknown', why: 'it is not from the hub' }
  let listed: HubFile[]
  try {
    listed = await listHubFiles(address)
  } catch (error) {
    return { state: 'unknown', why: (error as Error).message }
  }
  // An address with a quantisation does not name a file, so any file of the repository may match.
  const possible = listed.filter(({ name, sha256 }) =>
    sha256 !== null && (address.file === null ? name.endsWith('.gguf') : name === address.file))
  if (possible.length === 0) return { state: 'unknown', why: 'the hub reports no checksum' }
  const { size } = statSync(file)
  const sameSize = possible.filter(one => one.size === null || one.size === size)
  if (sameSize.length === 0) {
    const sizes = possible.map(one => one.size).join(' or ')
    throw new Error(
      `${path.basename(file)} has ${size} bytes, the file on the hub ${sizes}. Delete it and pull it again`
    )
  }
  const hash = await sha256(file)
  if (!sameSize.some(one => one.sha256 === hash)) {
    throw new Error(
      `${path.basename(file)} has another checksum (SHA-256 ${hash}) than on the hub. Delete it and pull it again`
    )
  }
  return { state: 'verified' }
}

async function sha256 (file: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file, { highWaterMark: 1024 ** 2 }), hash)
  return hash.digest('hex')
}
