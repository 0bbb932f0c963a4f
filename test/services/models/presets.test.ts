import { readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { getLlama } from 'node-llama-cpp'
import t from 'tap'
import { PRESETS } from '../../../models/presets.ts'
import { mismatch, readModelHeader, readProjectorHeader } from '../../../services/models/headers.ts'
import { ROOT } from '../../../config/root.ts'
import { cardOf, encodingBytes, planMemory } from '../../../services/models/memory.ts'
import { memoryNeeds } from '../../../services/models/requirements.ts'
import { REAL_SHAPES, writeRealModel, writeRealProjector } from '../../real-models.ts'

const dir = t.testdir()
const llama = await getLlama({ gpu: false, build: 'never', skipDownload: true })
t.teardown(() => llama.dispose())
const OPTIONS = { contextSize: 8192, maxPixels: 1_003_520, imageMinTokens: null, imageMaxTokens: null }

/** Sparse files of every preset, with the size and the headers of the real ones. */
const files = Object.entries(REAL_SHAPES).map(([name, shape]) => {
  const [model, projector] = [path.join(dir, `${name}.gguf`), path.join(dir, `mmproj-${name}.gguf`)]
  writeRealModel(model, shape)
  writeRealProjector(projector, shape)
  return { name, model, projector }
})
const headers = await Promise.all(files.map(async ({ name, model, projector }) =>
  ({ name, model: await readModelHeader(model), projector: await readProjectorHeader(projector) })))

const near = (actual: number, expected: number) => Math.abs(actual / expected - 1) < 0.02

t.test('the figures of every preset match its shape', async t => {
  t.strictSame(Object.keys(REAL_SHAPES), Object.keys(PRESETS))
  for (const { name, model, projector } of headers) {
    const figures = PRESETS[name]!.figures!
    const needs = await memoryNeeds(llama, model, projector, OPTIONS)
    t.ok(near(figures.model, statSync(model.file).size), `${name}: the model has ${statSync(model.file).size} bytes`)
    t.ok(near(figures.projector, projector.bytes), `${name}: the projector has ${projector.bytes} bytes`)
    t.equal(needs.slot, figures.cell * 8192, `${name}: a slot`)
    t.ok(near(needs.compute, figures.compute), `${name}: computing takes ${needs.compute} bytes`)
    // Without a GPU the token embeddings count too. With a GPU they stay in RAM, unless the output layer shares them.
    t.ok(figures.weights <= needs.weights * 1.01 && figures.weights > needs.weights * 0.9, `${name}: weights`)
    t.match(projector, { ...figures.tower, embedding: REAL_SHAPES[name]!.text.width })
  }
})

t.test('a projector matches only the model of its size and family', async t => {
  for (const { name, model } of headers) {
    for (const { name: other, projector } of headers) {
      t.equal(mismatch(model, projector) === null, name === other, `${name} with the projector of ${other}`)
    }
  }
  const [model2b, , model8b, , model7b] = headers
  t.equal(
    mismatch(model8b!.model, model2b!.projector),
    'The projector mmproj-qwen3-vl-2b.gguf does not belong to the model qwen3-vl-8b.gguf: ' +
    'its embeddings have width 2048, those of the model 4096'
  )
  t.equal(
    mismatch(model8b!.model, model7b!.projector),
    'The projector mmproj-qwen2.5-vl-7b.gguf does not belong to the model qwen3-vl-8b.gguf: ' +
    'a qwen2.5vl_merger needs the architecture qwen2vl, the model has qwen3vl'
  )
  t.match(
    mismatch({ ...model8b!.model, deepstack: 0 }, model8b!.projector),
    /it has 3 deepstack layers, the model needs 0$/
  )
})

t.test('the estimate for encoding is at least the measured memory of mtmd, and little more', async t => {
  const MIB = 1024 ** 2
  // `compute buffer size` in mtmd's log for 256, 1260 and 4096 tokens.
  for (const [name, measured] of [
    ['qwen3-vl-4b', [39.02, 192.03, 624.25]], ['qwen3-vl-8b', [45.02, 221.56, 720.25]],
    ['qwen2.5-vl-7b', [63.89, 386.68, 1893.03]]
  ] as const) {
    const { projector } = headers.find(one => one.name === name)!
    for (const [index, tokens] of [256, 1260, 4096].entries()) {
      const bytes = encodingBytes(
        projector, { multiple: projector.multiple, minTokens: 1, maxTokens: tokens, coordinates: 'pixels' }, Infinity
      )
      const share = bytes / MIB / measured[index]!
      t.ok(share > 0.995 && share < 1.06, `${name}, ${tokens} tokens: ${share.toFixed(3)}`)
    }
  }
})

/** Bytes of a model in Q8_0 on a GPU: a block of 32 weights has 32 bytes and a scale of 2 bytes. */
function weightsInQ8 (name: string): number {
  const { layers, width, heads, kvHeads, headSize, feedForward, vocabulary } = REAL_SHAPES[name]!.text
  const ofLayer = width * (2 * heads + 2 * kvHeads) * headSize + 3 * width * feedForward
  return (ofLayer * layers + width * vocabulary) * 34 / 32
}

t.test('the settings per GPU in docs/operations.md match the plan', async t => {
  const row = /^\| (\d+) GB \| `([\w.-]+)`( in Q8_0)? \| (\d+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$/gm
  const rows = [...readFileSync(path.join(ROOT, 'docs/operations.md'), 'utf8').matchAll(row)]
  t.strictSame([...new Set(rows.map(([, card]) => Number(card)))], [8, 16, 24, 32, 48, 80])
  for (const [text, card, name, inQ8, ...numbers] of rows) {
    const [contextSize, side, maxPixels, slots, slotsThatFit] = numbers.map(Number)
    const { cell, compute, projector, tower, weights } = PRESETS[name!]!.figures!
    const vision = { multiple: tower.multiple, minTokens: 1, maxTokens: 4096, coordinates: 'pixels' as const }
    const needs = {
      weights: inQ8 ? weightsInQ8(name!) : weights,
      projector,
      compute,
      slot: cell * contextSize!,
      encoding: encodingBytes(tower, vision, maxPixels!)
    }
    const plan = planMemory(needs, cardOf(Number(card)), { slots: 'auto', contextSize: contextSize!, imageCache: 0 })
    t.match(plan, { fits: true, slots, slotsThatFit }, text)
    t.ok(side! ** 2 * 3 / 4 <= maxPixels!, `${text} the start does not warn`)
  }
})
