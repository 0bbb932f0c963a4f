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

/** The result of a comparison: what the checksum matches, or why it could not be compared. */
export type Verdict = { state: 'verified', by: 'hub' | 'preset' } | { state: 'unknown', why: string }

/**
 * Compares the checksum of a file with the one on the hub, or with the one of its preset if the hub reports none. The
 * hub takes precedence, because a repository may have replaced the file since the preset was written.
 * @param uri the address from which the file was downloaded
 * @param known SHA-256 of the file of a preset
 * @throws Error if they differ
 */
export async function compareChecksum (file: string, uri: string, known?: string): Promise<Verdict> {
  const listed = await sumsOnHub(file, uri)
  if (listed instanceof Error && known === undefined) return { state: 'unknown', why: listed.message }
  const sums = listed instanceof Error ? [known] : listed
  const by = listed instanceof Error ? 'preset' : 'hub'
  const hash = await sha256(file)
  if (sums.includes(hash)) return { state: 'verified', by }
  const place = by === 'hub' ? 'on the hub' : `in the preset (${known})`
  throw new Error(
    `${path.basename(file)} has another checksum (SHA-256 ${hash}) than ${place}. Delete it and pull it again`
  )
}

/**
 * Returns the checksums of the files on the hub that this file may be, or an error that says why there are none.
 * @throws Error if no file on the hub has the size of this one
 */
async function sumsOnHub (file: string, uri: string): Promise<string[] | Error> {
  const address = parseHubAddress(uri)
  if (address === null) return new Error('it is not from the hub')
  let listed: HubFile[]
  try {
    listed = await listHubFiles(address)
  } catch (error) {
    return error as Error
  }
  // An address with a quantisation does not name a file, so any file of the repository may match.
  const possible = listed.filter(({ name, sha256 }) =>
    sha256 !== null && (address.file === null ? name.endsWith('.gguf') : name === address.file))
  if (possible.length === 0) return new Error('the hub reports no checksum')
  const { size } = statSync(file)
  const sameSize = possible.filter(one => one.size === null || one.size === size)
  if (sameSize.length === 0) {
    const sizes = possible.map(one => one.size).join(' or ')
    throw new Error(
      `${path.basename(file)} has ${size} bytes, the file on the hub ${sizes}. Delete it and pull it again`
    )
  }
  return sameSize.map(({ sha256 }) => sha256!)
}

async function sha256 (file: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file, { highWaterMark: 1024 ** 2 }), hash)
  return hash.digest('hex')
}
