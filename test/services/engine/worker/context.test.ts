import path from 'node:path'
import { getLlama } from 'node-llama-cpp'
import t from 'tap'
import { DEMO } from '../../../../models/presets.ts'
import { ROOT } from '../../../../config/root.ts'
import { createContext } from '../../../../services/engine/worker/context.ts'

const llama = await getLlama({ gpu: false, build: 'never', skipDownload: true })
const model = await llama.loadModel({ modelPath: path.join(ROOT, DEMO.model) })
t.teardown(() => llama.dispose())
/** The embedded model takes a KiB for each KV cell: 256 MiB. */
const LARGE = { contextSize: 4096, slots: 64, threads: 1 }
const MIB = 1024 ** 2

function createLog () {
  const lines: string[] = []
  return {
    lines, log: (level: string, message: string) => { if (level !== 'debug') lines.push(`${level} ${message}`) }
  }
}

t.afterEach(() => llama.setRamCap(null))

t.test('gives each slot what was asked for, or what the model was trained with', async t => {
  const { lines, log } = createLog()
  for (const [contextSize, expected] of [[1024, 1024], [4096, 4096], [1_000_000, 4096]] as const) {
    const context = await createContext(model, { contextSize, slots: 2, threads: 1 }, log)
    t.equal(context.contextSize, expected)
    t.equal(context.totalSequences, 2)
    await context.dispose()
  }
  t.same(lines, [])
})

t.test('where memory is short slots get fewer tokens, and the log says which settings want too much', async t => {
  await llama.setRamCap(200 * MIB)
  const { lines, log } = createLog()
  const context = await createContext(model, LARGE, log)
  t.ok(context.contextSize >= 1024 && context.contextSize < 4096, `${context.contextSize} tokens`)
  t.equal(context.totalSequences, 64)
  t.same(
    lines,
    [`warn The memory is not enough for CONTEXT_SIZE=4096 with MAX_CONCURRENT_REQUESTS=64: each slot has ${context.contextSize} tokens`]
  )
  await context.dispose()
})

t.test('where it is not enough for the least the error names what to lower', async t => {
  await llama.setRamCap(MIB)
  await t.rejects(createContext(model, LARGE, () => {}), {
    message: /There is no memory for 64 slots of 1024 tokens \(.*\): lower MAX_CONCURRENT_REQUESTS/
  })
})
