import { existsSync, readdirSync, statSync } from 'node:fs'
import path from 'node:path'
import { resolveModelFile } from 'node-llama-cpp'
import { DEMO, PRESETS } from '../../models/presets.ts'
import { ROOT } from '../../root.ts'

export interface ModelFiles {
  model: string
  /** Null when there is no projector: the model then answers text only. */
  mmproj: string | null
  demo: boolean
  temperature: number
  /** CPU threads that suit the model; undefined: all cores. */
  threads: number | undefined
}

export interface ModelFileOptions {
  /** Preset name, path, or a URI that node-llama-cpp's resolver reads (`hf:owner/repo:quant`, https). Empty: the embedded model. */
  model: string
  /** The same for the projector. Empty: the preset's, or the one that lies beside the model. */
  mmproj: string
  modelsDir: string
  onProgress: (file: string, done: number, total: number) => void
}

/**
 * Finds both files of a model, downloading what is missing.
 * @throws Error with a sentence that names the file or setting that is wrong
 */
export async function resolveModelFiles ({ model, mmproj, modelsDir, onProgress }: ModelFileOptions): Promise<ModelFiles> {
  const demo = model === ''
  const preset = demo ? absolute(DEMO) : PRESETS[model.toLowerCase()]
  const resolve = async (setting: string, uri: string) => {
    const known = [uri, path.join(modelsDir, uri)].find(file => existsSync(file) && statSync(file).isFile())
    if (known) return path.resolve(known)
    if (!/^(hf|huggingface|https?):/.test(uri)) {
      throw new Error(`${setting}=${uri} is neither a file nor a preset (${Object.keys(PRESETS).join(', ')}) nor an hf: address`)
    }
    try {
      return await resolveModelFile(uri, {
        directory: modelsDir,
        cli: false,
        onProgress: ({ downloadedSize, totalSize }) => onProgress(uri, downloadedSize, totalSize)
      })
    } catch (error) {
      throw new Error(`${setting}=${uri} cannot be downloaded: ${(error as Error).message}`)
    }
  }
  const modelPath = await resolve('MODEL', preset?.model ?? model)
  const projector = mmproj || preset?.mmproj
  return {
    model: modelPath,
    mmproj: projector ? await resolve('MMPROJ', projector) : projectorBeside(modelPath),
    demo,
    temperature: preset?.temperature ?? 0.7,
    threads: preset?.threads
  }
}

function absolute (preset: typeof DEMO): typeof DEMO {
  return { ...preset, model: path.join(ROOT, preset.model), mmproj: path.join(ROOT, preset.mmproj) }
}

/** The only `mmproj*.gguf` in the model's folder, if there is just one. */
function projectorBeside (modelPath: string): string | null {
  const dir = path.dirname(modelPath)
  const found = readdirSync(dir).filter(file => /^mmproj.*\.gguf$/i.test(file))
  if (found.length > 1) throw new Error(`There are ${found.length} projectors beside the model; name one with MMPROJ (${found.join(', ')})`)
  return found.length === 1 ? path.join(dir, found[0]!) : null
}
