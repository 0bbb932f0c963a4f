import { ConfigError, readEnvironment } from '../config/config.ts'
import { runEvalCommand } from '../tools/evaluation/command.ts'

/** `npm run eval -- <model>`, or `node dist/commands/eval.js …` in a build without sources. */
const interrupt = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => interrupt.abort(new Error('interrupted')))
}

/** The exit code that shells use after SIGINT. */
const INTERRUPTED = 130

try {
  process.exitCode = await runEvalCommand(
    process.argv.slice(2), readEnvironment(process.cwd()), { out: text => console.log(text), err: process.stderr },
    interrupt.signal
  )
} catch (error) {
  if (interrupt.signal.aborted) {
    console.error('\nInterrupted. No report was written.')
    process.exitCode = INTERRUPTED
  } else if (error instanceof ConfigError) {
    console.error(error.message)
    process.exitCode = 2
  } else throw error
}
