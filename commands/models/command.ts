import { parseArgs } from 'node:util'
import type { Config } from '../../config/config.ts'
import { checkModel } from './check.ts'
import type { Io } from './io.ts'
import { listPresets } from './list.ts'
import { pullModel } from './pull.ts'

const USAGE = `models list             lists presets: files, sizes, memory, and whether they are on the disk
models pull [model]     downloads a model and its projector to MODELS_DIR and checks both files;
                        a preset, hf:owner/repo:quant or hf:owner/repo/file.gguf
models check [model]    reads the headers of model and projector: whether they match, and the memory that they need

The default model is MODEL. MMPROJ, MODELS_DIR, CONTEXT_SIZE and the other settings apply as for the service.`

/** Exit code: the command succeeded. */
export const DONE = 0
/** Exit code: the command failed. */
export const FAILED = 1
/** Exit code: the command line is wrong. */
export const MISUSED = 2

/**
 * Runs one of the `models` commands.
 * @param signal aborts a download, which the next `pull` resumes
 * @returns exit code
 * @throws the reason of `signal`
 */
export async function runModelsCommand (args: string[], config: Config, io: Io, signal: AbortSignal): Promise<number> {
  const parsed = parse(args)
  if (parsed === null) {
    io.err.write(`${USAGE}\n`)
    return MISUSED
  }
  const { command, model = config.model } = parsed
  try {
    if (command === 'list') io.out(await listPresets(config))
    else if (command === 'check') io.out(await checkModel(model, config))
    else await pullModel(model, config, io, signal)
    return DONE
  } catch (error) {
    signal.throwIfAborted()
    io.err.write(`${(error as Error).message}\n`)
    return FAILED
  }
}

type Command = 'list' | 'pull' | 'check'
/** Maximum number of arguments of each command, including its name. */
const MOST_ARGUMENTS: Record<Command, number> = { list: 1, pull: 2, check: 2 }

/** Returns null if the command line is wrong. */
function parse (args: string[]): { command: Command, model?: string } | null {
  let positionals: string[]
  try {
    ({ positionals } = parseArgs({ args, allowPositionals: true, options: {} }))
  } catch {
    return null
  }
  const [command = '', model] = positionals
  if (!isCommand(command) || positionals.length > MOST_ARGUMENTS[command]) return null
  return { command, model }
}

function isCommand (name: string): name is Command {
  return Object.hasOwn(MOST_ARGUMENTS, name)
}
