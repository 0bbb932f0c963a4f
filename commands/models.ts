import { ConfigError, loadConfig, readEnvironment } from '../config/config.ts'
import { runModelsCommand } from './models/command.ts'

/** `npm run models -- list | pull | check`, or `node dist/commands/models.js …` where only the build is. */
const interrupt = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => interrupt.abort(new Error('interrupted')))
}

/** As shells say it of who ended by SIGINT. */
const INTERRUPTED = 130

// node-llama-cpp tries its binary in a process of its own, which needs none of the loaders that run this one from its sources.
process.execArgv.length = 0

try {
  const config = loadConfig(readEnvironment(process.cwd()))
  process.exitCode = await runModelsCommand(
    process.argv.slice(2), config, { out: text => console.log(text), err: process.stderr }, interrupt.signal
  )
} catch (error) {
  if (interrupt.signal.aborted) {
    console.error('\nInterrupted. The next pull goes on from here.')
    process.exitCode = INTERRUPTED
  } else if (error instanceof ConfigError) {
    console.error(error.message)
    process.exitCode = 2
  } else throw error
}
