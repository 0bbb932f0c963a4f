import { readdirSync } from 'node:fs'
import path from 'node:path'
import { mismatch, readModelHeader, readProjectorHeader, type ProjectorHeader } from './headers.ts'

/** `mmproj-….gguf`, and what node-llama-cpp makes of such a name when it downloads. */
const PROJECTOR_NAME = /mmproj.*\.gguf$/i
const DOWNLOADED = /^hf_/

/**
 * The projector in the model's folder: the one that belongs to it. Of several, the one whose name begins most like the model's, as downloads from
 * one repository do.
 * @returns null when there is none
 * @throws Error when several would do, or none of those that lie there for this model does
 */
export async function projectorBeside (modelPath: string): Promise<string | null> {
  const dir = path.dirname(modelPath)
  const name = path.basename(modelPath)
  const names = readdirSync(dir).filter(file => PROJECTOR_NAME.test(file) && file !== name).sort()
  if (names.length === 0) return null
  const model = await readModelHeader(modelPath)
  const fitting: string[] = []
  const faults: string[] = []
  for (const file of names) {
    const fault = await faultOf(path.join(dir, file), projector => mismatch(model, projector))
    if (fault === null) fitting.push(file)
    // A folder of downloads holds those of other models too.
    else if (!DOWNLOADED.test(file) && !DOWNLOADED.test(name)) faults.push(fault)
  }
  if (fitting.length === 0) {
    if (faults.length === 0) return null
    throw new Error(`${faults[0]!}. It lies beside the model: move it away or name the right one with MMPROJ`)
  }
  const closest = mostAlike(name, fitting)
  if (closest.length > 1) {
    throw new Error(
    `There are ${closest.length} projectors beside the model; name one with MMPROJ (${closest.join(', ')})`
    )
  }
  return path.join(dir, closest[0]!)
}

async function faultOf (file: string, check: (projector: ProjectorHeader) => string | null): Promise<string | null> {
  try {
    return check(await readProjectorHeader(file))
  } catch (error) {
    return (error as Error).message
  }
}

function mostAlike (name: string, candidates: string[]): string[] {
  const alike = (other: string) => {
    let length = 0
    while (length < name.length && name[length] === other[length]) length++
    return DOWNLOADED.test(name) ? length : 0
  }
  const most = Math.max(...candidates.map(alike))
  return candidates.filter(candidate => alike(candidate) === most)
}
