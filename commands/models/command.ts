import type { Config } from '../../config/config.ts'
import { checkModel } from './check.ts'
import { listPresets } from './list.ts'
import { pullModel } from './pull.ts'

/** Where a command writes. */
export interface Io {
  out (text: string): void
  /** Progress and faults. */
  err: NodeJS.WriteStream
}

const USAGE = `models list             presets: files, sizes, memory, and whether they are on the disk
models pull [model]     downloads a preset, hf:owner/repo:quant or hf:owner/repo/file.gguf to MODELS_DIR, with its projector, and checks it
models check [model]    reads the headers of model and projector: do they belong together, and what memory do they take?

Without a name it is that of MODEL; MMPROJ, MODELS_DIR, CONTEXT_SIZE and the other settings are read as by the service.`

/** Exit codes: a command did what it was asked for, it did not, it was not understood. */
export const DONE = 0
export const FAILED = 1
export const MISUSED = 2

/**
 * Runs one command.
 * @param signal aborts a download, which goes on with the next one
 * @returns exit code
 */
export async function runModelsCommand (args: string[], config: Config, io: Io, signal: AbortSignal): Promise<number> {
  const [command = '', model = config.model, ...rest] = args
  if (rest.length > 0 || (command === 'list' && args.length > 1)) return misuse(io)
  try {
    switch (command) {
      case 'list':
        io.out(await listPresets(config))
        return DONE
      case 'pull':
        await pullModel(model, config, io, signal)
        return DONE
      case 'check':
        io.out(await checkModel(model, config))
        return DONE
      default:
        return misuse(io)
    }
  } catch (error) {
    signal.throwIfAborted()
    io.err.write(`${(error as Error).message}\n`)
    return FAILED
  }
}

function misuse (io: Io): number {
  io.err.write(`${USAGE}\n`)
  return MISUSED
}
