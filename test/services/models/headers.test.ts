import { copyFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { ROOT } from '../../../config/root.ts'
import { DEMO } from '../../../models/presets.ts'
import { mismatch, readModelHeader, readProjectorHeader, visionInfo } from '../../../services/models/headers.ts'
import { doubt, sizeOf, versionOf } from '../../../services/models/model-names.ts'
import { writeHollowModel, writeHollowProjector, type HollowFamily } from '../../hollow-models.ts'

const MODEL = path.join(ROOT, DEMO.model)
const MMPROJ = path.join(ROOT, DEMO.mmproj)
const anyTokens = { imageMinTokens: null, imageMaxTokens: null }

t.test('every family is accepted with its own projector, with its coordinates and multiple', async t => {
  const dir = t.testdir()
  for (const [family, architecture, coordinates, multiple, deepstack] of [
    ['qwen2-vl', 'qwen2vl', 'grid1000', 28, 0],
    ['qwen2.5-vl', 'qwen2vl', 'pixels', 28, 0],
    ['qwen3-vl', 'qwen3vl', 'grid1000', 32, 3],
    ['qwen3-vl-moe', 'qwen3vlmoe', 'grid1000', 32, 3],
    ['qwen3.5', 'qwen35', 'grid1000', 32, 0],
    ['qwen3.5-moe', 'qwen35moe', 'grid1000', 32, 0]
  ] as const) {
    const model = await readModelHeader(writeHollowModel(dir, family))
    const projector = await readProjectorHeader(writeHollowProjector(dir, family))
    t.equal(mismatch(model, projector), null, family)
    t.match(model, { architecture, deepstack, hasVisionTokens: true }, family)
    t.match(visionInfo(projector, anyTokens), { coordinates, multiple }, family)
  }
  t.match(await readProjectorHeader(MMPROJ), { type: 'qwen2vl_merger', coordinates: 'pixels' }, 'the embedded model')
})

t.test('the header counts recurrent layers, layers with attention, MTP layers and experts', async t => {
  const dir = t.testdir()
  const shape = async (family: HollowFamily, metadata: Parameters<typeof writeHollowModel>[2] = {}) =>
    await readModelHeader(writeHollowModel(dir, family, metadata))
  t.match(await shape('qwen3-vl'), { layers: 8, mtpLayers: 0, recurrent: null, experts: null })
  t.match(await shape('qwen3.5'), {
    layers: 8,
    experts: null,
    ropeSections: [11, 11, 10, 0],
    recurrent: {
      layers: 6, attentionLayers: 2, convKernel: 4, stateSize: 128, keyHeads: 2, valueHeads: 4, innerSize: 512
    }
  })
  t.match(await shape('qwen3.5-moe'), { experts: { count: 8, used: 2 } })
  t.match(await shape('qwen3.5', { 'qwen35.full_attention_interval': { uint32: 2 } }), {
    recurrent: { layers: 4, attentionLayers: 4 }
  })
  t.match(
    await shape('qwen3.5', {
      'qwen35.block_count': { uint32: 9 }, 'qwen35.nextn_predict_layers': { uint32: 1 }
    }),
    { layers: 8, mtpLayers: 1, recurrent: { layers: 6, attentionLayers: 2 } }, 'an MTP layer is no layer of the model'
  )
  t.match(
    await shape('qwen3.5', {
      'qwen35.attention.recurrent_layers': { bools: [true, false, false, false, false, false, false, true] }
    }),
    { recurrent: { layers: 2, attentionLayers: 6 } }, 'a list of flags overrides the interval'
  )
})

t.test('a wrong pair is refused with a sentence that names both files and the reason', async t => {
  const dir = t.testdir()
  const why = async (
    model: HollowFamily, projector: HollowFamily, ofModel: Parameters<typeof writeHollowModel>[2] = {},
    ofProjector: Parameters<typeof writeHollowProjector>[2] = {}
  ) => mismatch(
    await readModelHeader(writeHollowModel(dir, model, ofModel)),
    await readProjectorHeader(writeHollowProjector(dir, projector, ofProjector))
  )
  const sentence = (model: string, projector: string, reason: string) =>
    `The projector mmproj-${projector}.gguf does not belong to the model ${model}.gguf: ${reason}`
  for (const [model, projector, reason] of [
    ['qwen3.5', 'qwen3-vl', 'it is one of Qwen3-VL and has 3 deepstack layers, the model needs 0 as one of Qwen3.5'],
    ['qwen3-vl', 'qwen3.5', 'it is one of Qwen3.5 and has 0 deepstack layers, the model needs 3 as one of Qwen3-VL'],
    ['qwen3-vl-moe', 'qwen3.5', /0 deepstack layers, the model needs 3 as one of Qwen3-VL$/],
    ['qwen3.5-moe', 'qwen3-vl', /3 deepstack layers, the model needs 0 as one of Qwen3\.5$/],
    ['qwen3.5', 'qwen2.5-vl', 'a qwen2.5vl_merger needs the architecture qwen2vl, the model has qwen35'],
    [
      'qwen2.5-vl', 'qwen3.5', 'a qwen3vl_merger needs the architecture qwen3vl, qwen3vlmoe, qwen35 or qwen35moe, ' +
        'the model has qwen2vl'
    ]
  ] as const) {
    const expected = typeof reason === 'string' ? sentence(model, projector, reason) : reason
    t.match(await why(model, projector), expected, `${model} with ${projector}`)
  }
  t.equal(
    await why('qwen3.5', 'qwen3.5', { 'qwen35.embedding_length': { uint32: 512 } }),
    sentence('qwen3.5', 'qwen3.5', 'its embeddings have width 256, those of the model 512')
  )
  t.match(
    await why('qwen3.5', 'qwen3.5', { 'tokenizer.ggml.tokens': { strings: ['a', 'b'] } }),
    /: the vocabulary of the model has no <\|vision_start\|> and <\|vision_end\|>$/
  )
  t.match(
    await why('qwen3.5', 'qwen3.5', { 'general.architecture': 'gemma3', 'gemma3.embedding_length': { uint32: 256 } }),
    /needs the architecture qwen3vl, .* or qwen35moe, the model has gemma3$/
  )
  const named = { 'general.name': 'Qwen2.5 VL 7B Instruct' }
  t.equal(await why('qwen2.5-vl', 'qwen2.5-vl', named), null)
  t.match(
    await why('qwen2.5-vl', 'qwen2-vl', named),
    /: a qwen2vl_merger is one of Qwen2-VL, the model is one of Qwen2\.5-VL \(Qwen2\.5 VL 7B Instruct\)$/,
    'Qwen2-VL-7B and Qwen2.5-VL-7B have one shape'
  )
})

t.test('two models of one shape are told apart by their names', async t => {
  const dir = t.testdir()
  const pair = async (model: string, projector: string) => doubt(
    await readModelHeader(writeHollowModel(dir, 'qwen3.5', { 'general.name': model }, 'm.gguf')),
    await readProjectorHeader(writeHollowProjector(dir, 'qwen3.5', { 'general.name': projector }, 'mmproj.gguf'))
  )
  t.equal(await pair('Qwen3.8 27B', 'Qwen3.8-27B'), null)
  t.equal(await pair('My model', 'Qwen3.8-27B'), null)
  t.equal(
    await pair('Qwen3.8 27B', 'Qwen3.6 27B'),
    'The projector mmproj.gguf does not belong to the model m.gguf by their names: ' +
    'it is named Qwen3.6 27B, the model Qwen3.8 27B'
  )
  t.match(await pair('Qwen3.6-35B-A3B', 'Qwen3.5-2B'), /by their names/)
  const names = ['Qwen2.5-VL-7B', 'qwen25vl', 'Qwen3VL-30B-A3B', 'Qwen3.5 0.8B', 'qwen35b', 'tiny', 'UI-TARS-7B']
  t.strictSame(names.map(versionOf), ['25', '25', '3', '35', null, null, null])
  t.strictSame(names.map(sizeOf), ['7b', null, '30b-a3b', '0.8b', null, null, '7b'])
})

t.test('a file that is no model to answer is refused with its kind', async t => {
  const dir = t.testdir()
  const model = async (metadata: Parameters<typeof writeHollowModel>[2], name?: string) =>
    await readModelHeader(writeHollowModel(dir, 'qwen3.5', metadata, name))
  await t.rejects(readModelHeader(MMPROJ), {
    message: /^mmproj-tiny-\S+ is a projector, not a language model: use MMPROJ for it, and MODEL for its model$/
  })
  await t.rejects(readProjectorHeader(MODEL), {
    message: /^tiny-\S+ is a language model \(qwen2vl\), not a projector: use MODEL for it$/
  })
  await t.rejects(readProjectorHeader(writeHollowProjector(dir, 'qwen3.5', { 'clip.projector_type': 'gemma3' })), {
    message: 'mmproj-qwen3.5.gguf is not a projector of a supported family: clip.projector_type is gemma3, ' +
      'not qwen2vl_merger, qwen2.5vl_merger or qwen3vl_merger'
  })
  await t.rejects(model({ 'general.type': 'adapter' }), {
    message: /^qwen3\.5\.gguf is not a language model \(its general\.type is adapter\)/
  })
  await t.rejects(model({ 'qwen35.pooling_type': { uint32: 3 } }), { message: /^qwen3\.5\.gguf is an embedding model/ })
  await t.rejects(model({ 'qwen35.pooling_type': { uint32: 4 } }), { message: /is a reranking model/ })
  await t.rejects(model({ 'general.architecture': 'nomic-bert' }), { message: /is an embedding model/ })
  await t.rejects(model({ 'general.architecture': 'dflash' }), { message: /only the layers for speculative decoding/ })
  await t.rejects(
    model({ 'qwen35.block_count': { uint32: 9 }, 'qwen35.nextn_predict_layers': { uint32: 1 } }, 'draft.gguf'),
    { message: /^draft\.gguf contains only the layers for speculative decoding/ }
  )
  await t.rejects(model({ 'general.architecture': 'qwen4exp' }), {
    message: /^qwen3\.5\.gguf has the architecture qwen4exp, which is not supported: for its sparse attention/
  })
  await t.rejects(model({ 'qwen35.ssm.state_size': { uint32: 0 } }), {
    message: /has the architecture qwen35 but lacks qwen35\.ssm\.state_size: use a file from a current converter/
  })
})

t.test('a split model is named by its first part, and a missing part by its name', async t => {
  const dir = t.testdir()
  const split = (no: number) => ({ 'split.no': { uint32: no }, 'split.count': { uint32: 2 } })
  const first = writeHollowModel(dir, 'qwen3.5', split(0), 'm-00001-of-00002.gguf')
  await t.rejects(readModelHeader(first), {
    message: 'm-00001-of-00002.gguf cannot be read: m-00002-of-00002.gguf is missing from its folder'
  })
  const second = writeHollowModel(dir, 'qwen3.5', split(1), 'm-00002-of-00002.gguf')
  t.match(await readModelHeader(first), { architecture: 'qwen35' })
  await t.rejects(readModelHeader(second), {
    message: 'm-00002-of-00002.gguf is not the first part of its model: use m-00001-of-00002.gguf'
  })
  const renamed = path.join(dir, 'renamed.gguf')
  copyFileSync(second, renamed)
  await t.rejects(readModelHeader(renamed), {
    message: 'renamed.gguf is part 2 of 2 of a split model: rename it so that it ends with -00002-of-00002.gguf'
  })
})

t.test('sizes that would end the process are refused by file and key', async t => {
  const dir = t.testdir()
  for (const [key, value] of [
    ['block_count', 0], ['block_count', 4_294_967_295], ['embedding_length', 0], ['attention.head_count', 0],
    ['attention.head_count_kv', 4_294_967_295], ['feed_forward_length', 0], ['full_attention_interval', 0],
    ['ssm.conv_kernel', 4_294_967_295], ['ssm.inner_size', 1]
  ] as const) {
    const file = writeHollowModel(dir, 'qwen3.5', { [`qwen35.${key}`]: { uint32: value } }, 'broken.gguf')
    await t.rejects(readModelHeader(file), {
      message: `broken.gguf has a wrong header (qwen35.${key}): download the file again, or use one from a current ` +
        'converter of llama.cpp'
    }, `${key} = ${value}`)
  }
  for (const [key, value] of [['patch_size', 0], ['embedding_length', 0], ['spatial_merge_size', 0]] as const) {
    const file = writeHollowProjector(dir, 'qwen3.5', { [`clip.vision.${key}`]: { uint32: value } }, 'mmproj.gguf')
    await t.rejects(readProjectorHeader(file), {
      message: `mmproj.gguf has a wrong header (clip.vision.${key}): download the file again`
    }, key)
  }
})

t.test('versions are read with a point or an underscore', async t => {
  const names = { 'Qwen3_5-4B': '35', 'Qwen3.5-4B': '35', Qwen3_4B: '3', 'Qwen3-4B': '3', 'Qwen2_5-VL-7B': '25' }
  for (const [name, version] of Object.entries(names)) t.equal(versionOf(name), version, name)
})
