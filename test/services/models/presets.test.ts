import { statSync } from 'node:fs'
import path from 'node:path'
import { getLlama } from 'node-llama-cpp'
import t from 'tap'
import { PRESETS } from '../../../models/presets.ts'
import { mismatch, readModelHeader, readProjectorHeader } from '../../../services/models/headers.ts'
import { encodingBytes } from '../../../services/models/memory.ts'
import { memoryNeeds } from '../../../services/models/requirements.ts'
import { REAL_SHAPES, writeRealModel, writeRealProjector } from '../../real-models.ts'

const dir = t.testdir()
const llama = await getLlama({ gpu: false, build: 'never', skipDownload: true })
t.teardown(() => llama.dispose())
const OPTIONS = { contextSize: 8192, maxPixels: 1_003_520, imageMinTokens: null, imageMaxTokens: null }

/** Hollow files of every preset: as long as the real ones, with the same headers, and nothing in them. */
const files = Object.entries(REAL_SHAPES).map(([name, shape]) => {
  const [model, projector] = [path.join(dir, `${name}.gguf`), path.join(dir, `mmproj-${name}.gguf`)]
  writeRealModel(model, shape)
  writeRealProjector(projector, shape)
  return { name, model, projector }
})
const headers = await Promise.all(files.map(async ({ name, model, projector }) => ({ name, model: await readModelHeader(model), projector: await readProjectorHeader(projector) })))

const near = (actual: number, expected: number) => Math.abs(actual / expected - 1) < 0.02

t.test('every preset\'s figures are those of its shape', async t => {
  t.strictSame(Object.keys(REAL_SHAPES), Object.keys(PRESETS))
  for (const { name, model, projector } of headers) {
    const figures = PRESETS[name]!.figures!
    const needs = await memoryNeeds(llama, model, projector, OPTIONS)
    t.ok(near(figures.model, statSync(model.file).size), `${name}: the model has ${statSync(model.file).size} bytes`)
    t.ok(near(figures.projector, projector.bytes), `${name}: the projector has ${projector.bytes} bytes`)
    t.equal(needs.slot, figures.cell * 8192, `${name}: a slot`)
    t.ok(near(needs.compute, figures.compute), `${name}: computing takes ${needs.compute} bytes`)
    // Without a GPU the table of tokens counts too; it stays in the ordinary memory otherwise, unless it is what answers are read from.
    t.ok(figures.weights <= needs.weights * 1.01 && figures.weights > needs.weights * 0.9, `${name}: weights`)
    t.match(projector, { ...figures.tower, embedding: REAL_SHAPES[name]!.text.width })
  }
})

t.test('a projector belongs to the model of its own size and family, and to no other', async t => {
  for (const { name, model } of headers) {
    for (const { name: other, projector } of headers) t.equal(mismatch(model, projector) === null, name === other, `${name} with the projector of ${other}`)
  }
  const [model2b, , model8b, , model7b] = headers
  t.equal(mismatch(model8b!.model, model2b!.projector),
    'The projector mmproj-qwen3-vl-2b.gguf does not belong to the model qwen3-vl-8b.gguf: its embeddings are 2048 wide, the model\'s 4096')
  t.equal(mismatch(model8b!.model, model7b!.projector),
    'The projector mmproj-qwen2.5-vl-7b.gguf does not belong to the model qwen3-vl-8b.gguf: as a qwen2.5vl_merger it sees for qwen2vl, the model is a qwen3vl')
  t.match(mismatch({ ...model8b!.model, deepstack: 0 }, model8b!.projector), /it gives 3 layers of detail \(deepstack\), the model wants 0$/)
})

t.test('encoding takes at least what mtmd was seen to take, and little more', async t => {
  const MIB = 1024 ** 2
  // `compute buffer size` in mtmd's log for 256, 1260 and 4096 tokens.
  for (const [name, measured] of [['qwen3-vl-4b', [39.02, 192.03, 624.25]], ['qwen3-vl-8b', [45.02, 221.56, 720.25]], ['qwen2.5-vl-7b', [63.89, 386.68, 1893.03]]] as const) {
    const { projector } = headers.find(one => one.name === name)!
    for (const [index, tokens] of [256, 1260, 4096].entries()) {
      const bytes = encodingBytes(projector, { multiple: projector.multiple, minTokens: 1, maxTokens: tokens, coordinates: 'pixels' }, Infinity)
      const share = bytes / MIB / measured[index]!
      t.ok(share > 0.995 && share < 1.06, `${name}, ${tokens} tokens: ${share.toFixed(3)}`)
    }
  }
})
