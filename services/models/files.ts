import { existsSync, statSync } from 'node:fs'
import path from 'node:path'
import { resolveModelFile } from 'node-llama-cpp'
import { DEMO, PRESETS, type Preset } from '../../models/presets.ts'
import { ROOT } from '../../config/root.ts'
import { parseHubAddress, projectorOnHub } from './hub.ts'
import { projectorBeside } from './projector-beside.ts'

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
  /** The same for the projector. Empty: the preset's, the one that lies beside the model, or that of its repository. */
  mmproj: string
  modelsDir: string
  onProgress: (file: string, done: number, total: number) => void
  onWarning: (sentence: string) => void
  /** What is left of a download that was aborted is where the next one goes on. */
  signal?: AbortSignal
}

/**
 * Finds both files of a model, downloading what is missing.
 * @throws Error with a sentence that names the file or setting that is wrong
 */
export async function resolveModelFiles (
  { model, mmproj, onWarning, ...options }: ModelFileOptions
): Promise<ModelFiles> {
  const preset = presetOf(model)
  const uri = preset?.model ?? model
  const isNew = await findFile(uri, options.modelsDir) === null
  const modelPath = await resolve('MODEL', uri, options)
  const named = mmproj || preset?.mmproj
  const projector = named ? await resolve('MMPROJ', named, options) : await projectorBeside(modelPath)
  return {
    model: modelPath,
    // Only with a model that was downloaded now: the next start finds both, and asks nobody.
    mmproj: projector ?? (isNew ? await downloadProjector(uri, options, onWarning) : null),
    demo: model === '',
    temperature: preset?.temperature ?? 0.7,
    threads: preset?.threads
  }
}

/** The embedded model for an empty name. */
export function presetOf (model: string): Preset | undefined {
  return model === '' ? absolute(DEMO) : PRESETS[model.toLowerCase()]
}

/** Where a path, a name within `MODELS_DIR` or an address lies on the disk; null when it has to be downloaded or does not exist. */
export async function findFile (uri: string, modelsDir: string): Promise<string | null> {
  const known = [uri, path.join(modelsDir, uri)].find(file => existsSync(file) && statSync(file).isFile())
  if (known) return path.resolve(known)
  if (!isAddress(uri)) return null
  // It says so by throwing; a fault of the address shows again where it is resolved.
  return await resolveModelFile(uri, { directory: modelsDir, cli: false, download: false }).catch(() => null)
}

type DownloadOptions = Pick<ModelFileOptions, 'modelsDir' | 'onProgress' | 'signal'>

async function resolve (
  setting: string, uri: string, { modelsDir, onProgress, signal }: DownloadOptions
): Promise<string> {
  const known = await findFile(uri, modelsDir)
  if (known !== null) return known
  if (!isAddress(uri)) {
    throw new Error(
    `${setting}=${uri} is neither a file nor a preset (${Object.keys(PRESETS).join(', ')}) nor an hf: address`
    )
  }
  try {
    return await resolveModelFile(uri, {
      directory: modelsDir,
      cli: false,
      deleteTempFileOnCancel: false,
      ...signal && { signal },
      // Before the hub has answered there is no size.
      onProgress: ({ downloadedSize, totalSize }) => { if (totalSize > 0) onProgress(uri, downloadedSize, totalSize) }
    })
  } catch (error) {
    signal?.throwIfAborted()
    throw new Error(`${setting}=${uri} cannot be downloaded: ${(error as Error).message}`)
  }
}

async function downloadProjector (
  modelUri: string, options: DownloadOptions, onWarning: (sentence: string) => void
): Promise<string | null> {
  const address = parseHubAddress(modelUri)
  if (address === null) return null
  let uri: string | null
  try {
    uri = await projectorOnHub(address)
  } catch (error) {
    onWarning(`Whether there is a projector for ${modelUri} is not known: ${(error as Error).message}`)
    return null
  }
  return uri === null ? null : await resolve('MMPROJ', uri, options)
}

function isAddress (uri: string): boolean {
  return /^(hf|huggingface|https?):/.test(uri)
}

function absolute (preset: Preset): Preset {
  return { ...preset, model: path.join(ROOT, preset.model), mmproj: path.join(ROOT, preset.mmproj) }
}
