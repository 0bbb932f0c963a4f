import { existsSync, statSync } from 'node:fs'
import path from 'node:path'
import { resolveModelFile } from 'node-llama-cpp'
import { DEMO, PRESETS, type Preset } from '../../models/presets.ts'
import { ROOT } from '../../config/root.ts'
import type { Sampling } from '../engine/engine.ts'
import { findProjector } from './find-projector.ts'
import { assertHubReachable, parseHubAddress, projectorOnHub } from './hub.ts'

export interface ModelFiles {
  model: string
  /** Null without a projector: the model then answers text only. */
  mmproj: string | null
  demo: boolean
  /** Overrides the advice for the family of the model. */
  sampling: Sampling | undefined
  /** Best number of CPU threads. Undefined: all cores. */
  threads: number | undefined
}

export interface ModelFileOptions {
  /** Preset, path, or a URI that node-llama-cpp resolves (`hf:owner/repo:quant`, https). Empty: the embedded model. */
  model: string
  /** The same for the projector. Empty: that of the preset, of the folder of the model, or of its repository. */
  mmproj: string
  modelsDir: string
  onProgress: (file: string, done: number, total: number) => void
  onWarning: (sentence: string) => void
  /** Receives a sentence about a choice among several files. */
  onChoice?: (sentence: string) => void
  /** Aborts a download, which the next call resumes. */
  signal?: AbortSignal
}

/**
 * Finds the files of a model and its projector, and downloads missing ones.
 * @throws Error with a sentence that names the wrong file or setting
 */
export async function resolveModelFiles (
  { model, mmproj, onWarning, onChoice, ...options }: ModelFileOptions
): Promise<ModelFiles> {
  const preset = presetOf(model)
  const uri = preset?.model ?? model
  const isNew = await findFile(uri, options.modelsDir) === null
  const modelPath = await resolve('MODEL', uri, options)
  const named = mmproj || preset?.mmproj
  const projector = named ? await resolve('MMPROJ', named, options) : await findProjector(modelPath, onChoice)
  return {
    model: modelPath,
    // Only after a download: later starts find both files on the disk and do not contact the hub.
    mmproj: projector ?? (isNew ? await downloadProjector(uri, options, onWarning) : null),
    demo: model === '',
    sampling: preset?.sampling,
    threads: preset?.threads
  }
}

/** Returns the preset of this name, and the embedded model for an empty one. */
export function presetOf (model: string): Preset | undefined {
  return model === '' ? absolute(DEMO) : PRESETS[model.toLowerCase()]
}

/** Resolves a path, a name within `MODELS_DIR` or an address to a file on the disk, or null if there is none. */
export async function findFile (uri: string, modelsDir: string): Promise<string | null> {
  const known = [uri, path.join(modelsDir, uri)].find(file => existsSync(file) && statSync(file).isFile())
  if (known) return path.resolve(known)
  if (!isAddress(uri)) return null
  // It throws if the file was not downloaded. An invalid address is reported by the download.
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
    if (parseHubAddress(uri) !== null) await assertHubReachable(signal)
    return await resolveModelFile(uri, {
      directory: modelsDir,
      cli: false,
      deleteTempFileOnCancel: false,
      ...signal && { signal },
      // The size is 0 until the hub has answered.
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
    const { message } = error as Error
    onWarning(`The projector of ${modelUri} was not looked up, so the model answers text only: ${message}`)
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
