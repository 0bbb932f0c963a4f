// supervision.test.ts runs this program with few file descriptors. The engine's child is killed while no descriptor
// is left for a new child.
import { closeSync, openSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { createLocalEngine } from '../../../services/engine/local-engine.ts'
import { ENGINE_DEFAULTS } from '../../helper.ts'

const failures: string[] = []
const log = pino({
  hooks: {
    logMethod (args, method) {
      const line = JSON.stringify(args)
      if (line.includes('could not be started')) failures.push(line)
      method.apply(this, args)
    }
  }
})
const engine = createLocalEngine({ log, ...ENGINE_DEFAULTS })
await engine.ready()

const taken: number[] = []
try {
  while (true) taken.push(openSync('/dev/null', 'r'))
} catch (error) {
  if ((error as NodeJS.ErrnoException).code !== 'EMFILE') throw error
}
process.kill(engine.info().pid!, 'SIGKILL')
while (failures.length < 2) await sleep(50)
for (const descriptor of taken) closeSync(descriptor)
while (engine.info().state !== 'ready') await sleep(50)
console.log('ready again')
await engine.close()
