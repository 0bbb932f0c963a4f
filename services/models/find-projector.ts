import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs'
import path from 'node:path'
import { mismatch, readModelHeader, readProjectorHeader, type ModelHeader } from './headers.ts'
import { doubt } from './model-names.ts'
import {
  areOfOtherRepositories, areSameProjector, closestProjectors, isDownload, isProjectorName
} from './projector-names.ts'

/** Converters write the architecture first, so the first bytes of a file contain it. */
const HEAD_BYTES = 4096
const ARCHITECTURE = 'general.architecture'
/** Bytes between the name of a key and its text: the number of the type and the length. */
const BEFORE_TEXT_BYTES = 12

/**
 * Finds the projector that matches a model in the folder of the model: any file whose name contains `mmproj` or whose
 * architecture is `clip`. Among several that match, it returns the one whose name is closest to the model's, and among
 * those of one name the one in 8 bits, then in 16. A download belongs to the models of its repository only.
 * @param onChoice receives a sentence when several files match
 * @returns null if the folder contains no projector for this model
 * @throws Error if the choice is unclear, or if the folder contains only projectors that do not match
 */
export async function findProjector (
  modelPath: string, onChoice: (sentence: string) => void = () => {}
): Promise<string | null> {
  const dir = path.dirname(modelPath)
  const name = path.basename(modelPath)
  const names = readdirSync(dir).sort().filter(file => file !== name && /\.gguf$/i.test(file) &&
    !areOfOtherRepositories(name, file) && (isProjectorName(file) || isClip(path.join(dir, file))))
  if (names.length === 0) return null
  const model = await readModelHeader(modelPath)
  const fitting: string[] = []
  const faults: string[] = []
  for (const file of names) {
    const fault = await faultOf(model, path.join(dir, file))
    if (fault === null) fitting.push(file)
    // A download may belong to another model in the same folder.
    else if (isDownload(file) === isDownload(name)) faults.push(fault)
  }
  if (fitting.length === 0) {
    if (faults.length === 0) return null
    throw new Error(`${faults[0]!}. Move it out of the folder of the model, or set MMPROJ`)
  }
  const closest = closestProjectors(name, fitting)
  const [chosen] = closest
  if (!areSameProjector(closest)) {
    throw new Error(
      `The folder of the model has ${closest.length} matching projectors: set MMPROJ to one (${closest.join(', ')})`
    )
  }
  if (fitting.length > 1) {
    onChoice(`${fitting.length} projectors match ${name}: ${chosen} is used, and MMPROJ can name another`)
  }
  return path.join(dir, chosen!)
}

async function faultOf (model: ModelHeader, file: string): Promise<string | null> {
  try {
    const projector = await readProjectorHeader(file)
    const names = [model.file, file].map(file => path.basename(file))
    // The files of one repository belong together, whatever their names.
    return mismatch(model, projector) ?? (names.every(isDownload) ? null : doubt(model, projector))
  } catch (error) {
    return (error as Error).message
  }
}

/** Returns whether a file is a projector by the first key of its header. */
function isClip (file: string): boolean {
  // A link can lead nowhere.
  if (!statSync(file, { throwIfNoEntry: false })?.isFile()) return false
  const head = Buffer.alloc(HEAD_BYTES)
  const fd = openSync(file, 'r')
  try {
    const key = head.subarray(0, readSync(fd, head)).indexOf(ARCHITECTURE)
    if (!head.subarray(0, 4).equals(Buffer.from('GGUF')) || key < 0) return false
    const from = key + ARCHITECTURE.length + BEFORE_TEXT_BYTES
    return head.toString('latin1', from, from + Number(head.readBigUInt64LE(from - 8))) === 'clip'
  } finally {
    closeSync(fd)
  }
}
