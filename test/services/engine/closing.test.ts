import path from 'node:path'
import t from 'tap'
import { createLocalEngine } from '../../../services/engine/local-engine.ts'
import { ENGINE_DEFAULTS, silent } from '../../helper.ts'
import { launch, until } from '../../server-process.ts'

/** A child that reports its model as loaded only after it receives `close`, as if the two messages crossed. */
const LATE = `
  process.on('message', message => {
    if (message.type !== 'close') return
    const loaded = { type: 'loaded', info: { model: 'late', slots: 3, plan: null } }
    process.send([loaded], () => setTimeout(() => process.exit(0), 200))
  })
`

t.test('an engine that is closed while its model is loading stays closed', async t => {
  const file = path.join(t.testdir({ 'late.cjs': LATE }), 'late.cjs')
  const engine = createLocalEngine({ log: silent, ...ENGINE_DEFAULTS, worker: { file, execArgv: [] } })
  t.equal(engine.info().state, 'starting')
  const states: string[] = []
  const timer = setInterval(() => states.push(engine.info().state), 1)
  t.teardown(() => clearInterval(timer))
  const ready = t.rejects(engine.ready(), { code: 'SHUTTING_DOWN' })
  await engine.close()
  await ready
  t.same([...new Set(states)], ['closed'])
  t.match(engine.info(), { state: 'closed', model: '', reason: { en: 'the service is shutting down' } })
  await t.rejects(engine.inspect([], [], []), { code: 'SHUTTING_DOWN' })
})

t.test('SIGTERM at any moment of the start ends the service with exit code 0', async t => {
  for (const [moment, delayMs] of [
    ['Server listening', 0], ['Server listening', 150], ['Server listening', 400], ['model loaded', 0],
    ['service ready', 0]
  ] as const) {
    const server = launch(t, { UPLOAD_DIR: path.join(t.testdir(), 'uploads') })
    await until(() => server.output().includes(moment), () => server.output())
    await new Promise(resolve => setTimeout(resolve, delayMs))
    server.child.kill('SIGTERM')
    const { code } = await server.exited
    t.equal(code, 0, `${delayMs} ms after "${moment}": ${server.output().split('\n').slice(-4).join('\n')}`)
  }
})
