import { readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { getLlama } from 'node-llama-cpp'
import t from 'tap'
import { computeBytes, needsOf } from '../../../commands/models/needs.ts'
import { PRESETS } from '../../../models/presets.ts'
import { mismatch, readModelHeader, readProjectorHeader } from '../../../services/models/headers.ts'
import { doubt } from '../../../services/models/model-names.ts'
import { ROOT } from '../../../config/root.ts'
import { cardOf, encodingBytes, planMemory, recurrentStateBytes } from '../../../services/models/memory.ts'
import { memoryNeeds } from '../../../services/models/requirements.ts'
import { defaultSampling } from '../../../services/models/sampling.ts'
import { elementsOf } from '../../../tools/lib/gguf.ts'
import { REAL_SHAPES, writeRealModel, writeRealProjector } from '../../real-models.ts'
import { textTensors } from '../../real-models/text.ts'

const dir = t.testdir()
const llama = await getLlama({ gpu: false, build: 'never', skipDownload: true })
t.teardown(() => llama.dispose())
const OPTIONS = {
  contextSize: 8192, maxPixels: 1_003_520, imageMinTokens: null, imageMaxTokens: null, flashAttention: 'auto' as const
}

/** Sparse files of every preset, with the size and the headers of the real ones. */
const files = Object.entries(REAL_SHAPES).map(([name, shape]) => {
  const [model, projector] = [path.join(dir, `${name}.gguf`), path.join(dir, `mmproj-${name}.gguf`)]
  writeRealModel(model, shape)
  writeRealProjector(projector, shape)
  return { name, model, projector }
})
const headers = await Promise.all(files.map(async ({ name, model, projector }) =>
  ({ name, model: await readModelHeader(model), projector: await readProjectorHeader(projector) })))

const near = (actual: number, expected: number, tolerance = 0.01) => Math.abs(actual / expected - 1) < tolerance

t.test('the figures of every preset match its shape', async t => {
  t.strictSame(Object.keys(REAL_SHAPES), Object.keys(PRESETS))
  for (const { name, model, projector } of headers) {
    const figures = PRESETS[name]!.figures!
    const needs = await memoryNeeds(llama, model, projector, { ...OPTIONS, flashAttention: 'on' })
    // The published file has longer tokens, which are 11 MB of a vocabulary of 248,320.
    t.ok(near(figures.model, statSync(model.file).size), `${name}: the model has ${statSync(model.file).size} bytes`)
    t.ok(near(figures.projector, projector.bytes), `${name}: the projector has ${projector.bytes} bytes`)
    t.equal(needsOf(figures, 'vram', OPTIONS).slot, needs.slot, `${name}: a slot`)
    t.equal(needsOf(figures, 'vram', OPTIONS).checkpoints, needs.checkpoints, `${name}: checkpoints`)
    t.equal(needs.checkpoints > 0, /^qwen3\.[568]/.test(name), `${name}: only hybrid models have checkpoints`)
    t.ok(near(needs.compute, figures.compute), `${name}: computing takes ${needs.compute} bytes`)
    t.equal(figures.heads, REAL_SHAPES[name]!.text.heads)
    t.ok(near(figures.active, activeParameters(name)), `${name}: a token needs ${activeParameters(name)} parameters`)
    // Without a GPU the token embeddings count too. With a GPU they stay in RAM, unless the output layer shares them.
    const { tied, width, vocabulary } = REAL_SHAPES[name]!.text
    const onGpu = needs.weights - (tied ? 0 : width * vocabulary * Q4_K_BYTES)
    t.ok(near(figures.weights, onGpu), `${name}: the GPU has ${onGpu} bytes of weights`)
    t.match(projector, { ...figures.tower, embedding: REAL_SHAPES[name]!.text.width })
  }
})

const Q4_K_BYTES = 144 / 256

/** Counts the parameters of the tensors that a token meets: of the experts only the active ones, and no embeddings. */
function activeParameters (name: string): number {
  const shape = REAL_SHAPES[name]!
  const { experts } = shape.text
  return textTensors(shape)
    .filter(({ name }) => name.startsWith('blk.'))
    .map(tensor => elementsOf(tensor) * (tensor.name.includes('_exps') ? experts!.used / experts!.count : 1))
    .reduce((sum, elements) => sum + elements, 0)
}

t.test('without flash attention a preset needs at most a fifth more than its figures say, and never more', async t => {
  for (const { name, model, projector } of headers) {
    const { compute } = await memoryNeeds(llama, model, projector, { ...OPTIONS, flashAttention: 'off' })
    const share = computeBytes(PRESETS[name]!.figures!, OPTIONS.contextSize, false) / compute
    t.ok(share > 0.97 && share < 1.2, `${name}: ${share.toFixed(3)} of ${compute} bytes`)
  }
})

/**
 * llama.cpp allocates a context of eight layers of the model. The files are sparse, so the weights take no memory. The
 * log arrives in parts and later than the context, so the test waits for the last line.
 */
t.test('a real context takes the memory that is estimated', async t => {
  for (const name of ['qwen3.5-9b', 'qwen3.6-35b-a3b', 'qwen3-vl-8b']) {
    const shape = structuredClone(REAL_SHAPES[name]!)
    shape.text.layers = 8
    shape.text.vocabulary = 4096
    if (shape.text.experts) shape.text.experts.count = 16
    const file = path.join(dir, `short-${name}.gguf`)
    writeRealModel(file, shape)
    const header = await readModelHeader(file)
    for (const flashAttention of [true, false]) {
      const sizes = await allocate(file, flashAttention)
      const { compute, slot } = await memoryNeeds(llama, header, null, {
        ...OPTIONS, flashAttention: flashAttention ? 'on' : 'off'
      })
      const allocated = sizes.kv! + (sizes.rs ?? 0) + sizes.compute! + sizes.output!
      t.ok(near(allocated, compute + 2 * slot, 0.02), `${name}: ${allocated} allocated, ${compute + 2 * slot} planned`)
      t.equal(sizes.rs !== undefined, header.recurrent !== null, `${name}: a recurrent state`)
      if (header.recurrent !== null) {
        t.ok(near(sizes.rs!, 2 * recurrentStateBytes(header.recurrent), 0.001), `${name}: the state of two slots`)
      }
    }
  }
})

/** Creates a context of two sequences in a process of its own, and returns the bytes of its buffers. */
async function allocate (file: string, flashAttention: boolean): Promise<Partial<Record<string, number>>> {
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--import=tsx', path.join(ROOT, 'test/real-models/allocate.ts'), file, String(flashAttention)
  ])
  return Object.fromEntries([...stdout.matchAll(/(\w+) +buffer size = +([\d.]+) MiB/g)].map(([, kind, size]) =>
    [kind!.toLowerCase(), Number(size) * 1024 ** 2]))
}

t.test('a request without sampling gets the advice for the family of the model', async t => {
  const advice = { temperature: 0.7, topP: 0.8, topK: 20, presencePenalty: 1.5 }
  for (const { name, model } of headers) {
    const expected = name.startsWith('qwen2.5') ? { temperature: 0.7, topP: 0.95, topK: 40 } : advice
    t.strictSame(defaultSampling(model, false), expected, name)
  }
  t.strictSame(
    defaultSampling({ architecture: 'qwen3vl' }, true), { temperature: 1, topP: 0.95, topK: 20 }, 'with thoughts'
  )
  t.match(defaultSampling(headers[0]!.model, false, { temperature: 0 }), { ...advice, temperature: 0 })
})

t.test('a projector matches only the model of its size and family', async t => {
  for (const { name, model } of headers) {
    for (const { name: other, projector } of headers) {
      const fault = mismatch(model, projector) ?? doubt(model, projector)
      t.equal(fault === null, name === other, `${name} with the projector of ${other}`)
    }
  }
  const [model2b, model8b, model7b] =
    ['qwen3-vl-2b', 'qwen3-vl-8b', 'qwen2.5-vl-7b'].map(name => headers.find(one => one.name === name))
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
  const shape = REAL_SHAPES[name]!
  return textTensors(shape)
    .filter(({ name }) => shape.text.tied || name !== 'token_embd.weight')
    .reduce((bytes, tensor) => bytes + elementsOf(tensor) * 34 / 32, 0)
}

t.test('the settings per GPU in docs/operations.md match the plan', async t => {
  const row = /^\| (\d+) GB \| `([\w.-]+)`( in Q8_0)? \| (\d+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$/gm
  const rows = [...readFileSync(path.join(ROOT, 'docs/operations.md'), 'utf8').matchAll(row)]
  t.strictSame([...new Set(rows.map(([, card]) => Number(card)))], [8, 16, 24, 32, 48, 80])
  for (const [text, card, name, inQ8, ...numbers] of rows) {
    const [contextSize, side, maxPixels, slots, slotsThatFit] = numbers.map(Number)
    const config = { ...OPTIONS, contextSize: contextSize!, maxPixels: maxPixels! }
    const needs = needsOf(PRESETS[name!]!.figures!, 'vram', config)
    if (inQ8) needs.weights = weightsInQ8(name!)
    const plan = planMemory(needs, cardOf(Number(card)), { slots: 'auto', contextSize: contextSize!, imageCache: 0 })
    t.match(plan, { fits: true, slots, slotsThatFit }, text)
    t.ok(side! ** 2 * 3 / 4 <= maxPixels!, `${text} the start does not warn`)
  }
})
