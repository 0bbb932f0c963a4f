import { createHash } from 'node:crypto'
import { createReadStream, statSync } from 'node:fs'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import { GgufInsights, readGgufFileInfo, type Llama } from 'node-llama-cpp'
import { listHubFiles, parseHubAddress, type HubFile } from './hub.ts'

const PART = /-(\d{5})-of-(\d{5})\.gguf$/

/** All files of a model that is split into parts, which are named by their first; else the one. */
export function partsOf (file: string): string[] {
  const count = Number(PART.exec(file)?.[2] ?? 1)
  if (count === 1) return [file]
  return Array.from({ length: count }, (_, index) =>
    file.replace(PART, (_all, _part: string, of: string) => `-${String(index + 1).padStart(5, '0')}-of-${of}.gguf`))
}

/**
 * Bytes of a file that is as long as its own header says.
 * @throws Error naming the file, when it is shorter or no GGUF file
 */
export async function assertWhole (file: string, llama: Llama): Promise<number> {
  const { size } = statSync(file)
  const info = await readGgufFileInfo(file, { sourceType: 'filesystem', spliceSplitFiles: false, logWarnings: false })
    .catch((error: Error) => { throw new Error(`${path.basename(file)} is not a whole GGUF file: ${error.message}`) })
  // Between tensors may be padding, so that it is the least.
  const least = (info.infoEndOffset ?? 0) + (await GgufInsights.from(info, llama)).modelSize
  if (size < least) {
    throw new Error(
    `${path.basename(file)} is cut off: it has ${size} bytes of at least ${least}. Delete it and pull it again`
    )
  }
  return size
}

/** What was compared with the hub; `unknown` says why nothing was. */
export type HubVerdict = { state: 'verified' } | { state: 'unknown', why: string }

/**
 * Compares a file with what the hub tells of it.
 * @param uri from where it came
 * @throws Error when it is another
 */
export async function compareWithHub (file: string, uri: string): Promise<HubVerdict> {
  const address = parseHubAddress(uri)
  if (address === null) return { state: 'unknown', why: 'it does not come from the hub' }
  let listed: HubFile[]
  try {
    listed = await listHubFiles(address)
  } catch (error) {
    return { state: 'unknown', why: (error as Error).message }
  }
  // A quantisation is not the name of a file: then any of the repository's may be it.
  const possible = listed.filter(({ name, sha256 }) =>
    sha256 !== null && (address.file === null ? name.endsWith('.gguf') : name === address.file))
  if (possible.length === 0) return { state: 'unknown', why: 'the hub tells no checksum of it' }
  const { size } = statSync(file)
  const sameSize = possible.filter(one => one.size === null || one.size === size)
  if (sameSize.length === 0) {
    throw new Error(`${path.basename(
    file
  )} has ${size} bytes, the hub's has ${possible.map(one => one.size).join(' or ')}. Delete it and pull it again`)
  }
  const hash = await sha256(file)
  if (!sameSize.some(one => one.sha256 === hash)) {
    throw new Error(
    `${path.basename(file)} does not have the checksum of the hub's (SHA-256 ${hash}). Delete it and pull it again`
    )
  }
  return { state: 'verified' }
}

async function sha256 (file: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file, { highWaterMark: 1024 ** 2 }), hash)
  return hash.digest('hex')
}
