import { mkdirSync } from 'node:fs'
import path from 'node:path'
import type { Config } from '../../config/config.ts'
import { createDownloadReporter } from '../../services/engine/download-progress.ts'
import { presetOf, resolveModelFiles } from '../../services/models/files.ts'
import { mismatch, readModelHeader, readProjectorHeader } from '../../services/models/headers.ts'
import { parseHubAddress } from '../../services/models/hub.ts'
import { filesOfModel } from '../../services/models/parts.ts'
import { gigabytes } from '../../services/models/table.ts'
import { assertComplete, compareChecksum } from '../../services/models/verify.ts'
import type { Io } from './io.ts'
import { withLlama } from './llama.ts'

/**
 * Downloads the missing files of a model and its projector, and checks all of them. An interrupted download is resumed.
 * @throws Error with a sentence for the operator; the reason of `signal`
 */
export async function pullModel (name: string, config: Config, io: Io, signal: AbortSignal): Promise<void> {
  if (name === '') throw new Error('Name a preset or an hf: address; the embedded model needs no download')
  const warn = (sentence: string) => { io.err.write(`${sentence}\n`) }
  mkdirSync(config.modelsDir, { recursive: true })
  const mmproj = name === config.model ? config.mmproj : ''
  const report = createDownloadReporter(plainLog(io), io.err)
  const files = await resolveModelFiles({
    model: name,
    mmproj,
    modelsDir: config.modelsDir,
    signal,
    onWarning: warn,
    onChoice: warn,
    onProgress: (file, done, total) => report({ file, done, total })
  })

  const preset = presetOf(name)
  await withLlama(async llama => {
    for (const part of filesOfModel(files.model)) await check(part, preset?.model ?? name, preset?.sha256?.model)
    if (files.mmproj === null) return warn('The model has no projector: it answers text only')
    await check(files.mmproj, preset?.mmproj ?? (mmproj || projectorAddress(name)), preset?.sha256?.mmproj)
    const fault = mismatch(await readModelHeader(files.model), await readProjectorHeader(files.mmproj))
    if (fault) throw new Error(fault)

    async function check (file: string, uri: string, known?: string): Promise<void> {
      const size = await assertComplete(file, llama)
      signal.throwIfAborted()
      const verdict = await compareChecksum(file, uri, known)
      const checksum = verdict.state === 'verified'
        ? `complete, checksum matches the ${verdict.by}`
        : `complete; checksum not compared: ${verdict.why}`
      io.out(`${path.relative(process.cwd(), file) || file}  ${gigabytes(size)}  ${checksum}`)
    }
  })
}

/** Returns the address of the repository without a file, because a file of any name with the same checksum matches. */
function projectorAddress (modelUri: string): string {
  const address = parseHubAddress(modelUri)
  return address === null ? modelUri : `hf:${address.repo}#${address.branch}`
}

/** Writes progress as lines, for output that is not a terminal. */
function plainLog ({ err }: Io): Parameters<typeof createDownloadReporter>[0] {
  const line = (details: object) => {
    const { file, percent, megabytes, ofMegabytes } = details as Record<string, string | number>
    err.write(`${file}: ${percent} %, ${megabytes} of ${ofMegabytes} MB\n`)
  }
  return { debug: line, info: line, warn: line, error: line }
}
