import { ConfigError, loadConfig, readEnvironment } from '../config/config.ts'
import { runModelsCommand } from './models/command.ts'

/** `npm run models -- list | pull | check`, or `node dist/commands/models.js …` in a build without sources. */
const interrupt = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => interrupt.abort(new Error('interrupted')))
}

/** The exit code that shells use after SIGINT. */
const INTERRUPTED = 130

// node-llama-cpp tests its binary in a child process, which must not inherit the loader for TypeScript sources.
process.execArgv.length = 0

try {
  const config = loadConfig(readEnvironment(process.cwd()))
  process.exitCode = await runModelsCommand(
    process.argv.slice(2), config, { out: text => console.log(text), err: process.stderr }, interrupt.signal
  )
} catch (error) {
  if (interrupt.signal.aborted) {
    console.error('\nInterrupted. The next pull resumes the download.')
    process.exitCode = INTERRUPTED
  } else if (error instanceof ConfigError) {
    console.error(error.message)
    process.exitCode = 2
  } else throw error
}
