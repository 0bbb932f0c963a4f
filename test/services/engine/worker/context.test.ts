import path from 'node:path'
import { getLlama } from 'node-llama-cpp'
import t from 'tap'
import { DEMO } from '../../../../models/presets.ts'
import { ROOT } from '../../../../config/root.ts'
import { createContext } from '../../../../services/engine/worker/context.ts'
import type { WorkerLog } from '../../../../services/engine/worker/log.ts'

const llama = await getLlama({ gpu: false, build: 'never', skipDownload: true })
const model = await llama.loadModel({ modelPath: path.join(ROOT, DEMO.model) })
t.teardown(() => llama.dispose())
/** The embedded model needs 1 KiB per KV cell, so this context needs 256 MiB. */
const LARGE = { contextSize: 4096, slots: 64, threads: 1, flashAttention: false }
const MIB = 1024 ** 2

function createLog () {
  const lines: unknown[] = []
  return { lines, log: (...line: Parameters<WorkerLog>) => { if (line[0] !== 'debug') lines.push(line) } }
}

t.afterEach(() => llama.setRamCap(null))

t.test('each sequence gets the context size of the settings, limited by the model\'s training context', async t => {
  const { lines, log } = createLog()
  for (const [contextSize, expected] of [[1024, 1024], [4096, 4096], [1_000_000, 4096]] as const) {
    const context = await createContext(model, { contextSize, slots: 2, threads: 1, flashAttention: false }, log)
    t.equal(context.contextSize, expected)
    t.equal(context.totalSequences, 2)
    await context.dispose()
  }
  t.same(lines, [])
})

t.test('with too little memory, sequences get fewer cells and the log names the settings', async t => {
  await llama.setRamCap(200 * MIB)
  const { lines, log } = createLog()
  const context = await createContext(model, LARGE, log)
  t.ok(context.contextSize >= 1024 && context.contextSize < 4096, `${context.contextSize} tokens`)
  t.equal(context.totalSequences, 64)
  t.same(lines, [[
    'warn', 'context size reduced: not enough memory for CONTEXT_SIZE and MAX_CONCURRENT_REQUESTS',
    { contextSize: context.contextSize, wanted: 4096, slots: 64 }
  ]])
  await context.dispose()
})

t.test('without memory for the minimum, the error names the setting to lower', async t => {
  await llama.setRamCap(MIB)
  await t.rejects(createContext(model, LARGE, () => {}), {
    message: /There is no memory for 64 slots of 1024 tokens \(.*\): lower MAX_CONCURRENT_REQUESTS/
  })
})
