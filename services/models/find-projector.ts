import { readdirSync } from 'node:fs'
import path from 'node:path'
import { mismatch, readModelHeader, readProjectorHeader, type ProjectorHeader } from './headers.ts'

/** `mmproj-….gguf`, also with the prefix that node-llama-cpp adds to downloads. */
const PROJECTOR_NAME = /mmproj.*\.gguf$/i
const DOWNLOADED = /^hf_/

/**
 * Finds the projector that matches a model in the folder of the model. Among several downloads it returns the one with
 * the longest prefix in common, because downloads from one repository share a prefix.
 * @returns null if the folder contains no projector for this model
 * @throws Error if several match, or if the folder contains only projectors that do not match
 */
export async function findProjector (modelPath: string): Promise<string | null> {
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
    // Downloads may belong to other models in the same folder.
    else if (!DOWNLOADED.test(file) && !DOWNLOADED.test(name)) faults.push(fault)
  }
  if (fitting.length === 0) {
    if (faults.length === 0) return null
    throw new Error(`${faults[0]!}. Move it out of the folder of the model, or set MMPROJ`)
  }
  const closest = longestPrefix(name, fitting)
  if (closest.length > 1) {
    throw new Error(
      `The folder of the model has ${closest.length} matching projectors: set MMPROJ to one (${closest.join(', ')})`
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

function longestPrefix (name: string, candidates: string[]): string[] {
  const prefixLength = (other: string) => {
    let length = 0
    while (length < name.length && name[length] === other[length]) length++
    return DOWNLOADED.test(name) ? length : 0
  }
  const most = Math.max(...candidates.map(prefixLength))
  return candidates.filter(candidate => prefixLength(candidate) === most)
}
