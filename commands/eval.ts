import { ConfigError, readEnvironment } from '../config/config.ts'
import { runEvalCommand } from '../tools/evaluation/command.ts'

/** `npm run eval -- <model>`, or `node dist/commands/eval.js …` where only the build is. */
const interrupt = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => interrupt.abort(new Error('interrupted')))
}

/** As shells say it of who ended by SIGINT. */
const INTERRUPTED = 130

try {
  process.exitCode = await runEvalCommand(
    process.argv.slice(2), readEnvironment(process.cwd()), { out: text => console.log(text), err: process.stderr },
    interrupt.signal
  )
} catch (error) {
  if (interrupt.signal.aborted) {
    console.error('\nInterrupted. Nothing was written.')
    process.exitCode = INTERRUPTED
  } else if (error instanceof ConfigError) {
    console.error(error.message)
    process.exitCode = 2
  } else throw error
}
