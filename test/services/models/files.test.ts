import { copyFileSync, existsSync, readdirSync, statSync, symlinkSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { DEMO, PRESETS } from '../../../models/presets.ts'
import { ROOT } from '../../../config/root.ts'
import { resolveModelFiles } from '../../../services/models/files.ts'
import { readProjectorHeader, visionInfo } from '../../../services/models/headers.ts'
import { createTestEngine } from '../../helper.ts'
import { writeHollowModel, writeHollowProjector } from '../../hollow-models.ts'
import { hubPath, startHub } from '../../hub.ts'
import { REAL_SHAPES, writeRealModel, writeRealProjector } from '../../real-models.ts'

const MODEL = path.join(ROOT, DEMO.model)
const MMPROJ = path.join(ROOT, DEMO.mmproj)
const silent = { onProgress: () => {}, onWarning: () => {} }

t.test('an empty MODEL selects the embedded model', async t => {
  t.same(await resolveModelFiles({ model: '', mmproj: '', modelsDir: t.testdir(), ...silent }), {
    model: MODEL, mmproj: MMPROJ, demo: true, sampling: { temperature: 0 }, threads: 1
  })
})

t.test('a path selects a file and the only projector in its folder', async t => {
  const dir = t.testdir()
  copyFileSync(MODEL, path.join(dir, 'model.gguf'))
  const options = { mmproj: '', modelsDir: dir, ...silent }
  t.match(await resolveModelFiles({ ...options, model: path.join(dir, 'model.gguf') }), {
    mmproj: null, demo: false, sampling: undefined
  })
  copyFileSync(MMPROJ, path.join(dir, 'mmproj-a.gguf'))
  t.match(await resolveModelFiles({ ...options, model: path.join(dir, 'model.gguf') }), {
    mmproj: path.join(dir, 'mmproj-a.gguf')
  })
  t.match(
    await resolveModelFiles({ ...options, model: 'model.gguf' }), { model: path.join(dir, 'model.gguf') },
    'also by name within MODELS_DIR'
  )
  copyFileSync(MMPROJ, path.join(dir, 'mmproj-b.gguf'))
  await t.rejects(resolveModelFiles({ ...options, model: 'model.gguf' }), {
    message: /2 matching projectors: set MMPROJ to one \(mmproj-a\.gguf, mmproj-b\.gguf\)/
  })
  t.match(await resolveModelFiles({ ...options, model: 'model.gguf', mmproj: 'mmproj-b.gguf' }), {
    mmproj: path.join(dir, 'mmproj-b.gguf')
  })
})

t.test('a name that is neither a file, a preset nor an address is refused', async t => {
  const options = { modelsDir: t.testdir(), ...silent }
  await t.rejects(resolveModelFiles({ ...options, model: 'qwen9', mmproj: '' }), {
    message: /^MODEL=qwen9 is neither a file nor a preset \(qwen3\.5-2b, /
  })
  await t.rejects(resolveModelFiles({ ...options, model: '', mmproj: 'nope' }), { message: /^MMPROJ=nope is neither/ })
})

t.test('a preset downloads both of its files once and reports progress', async t => {
  const { model, mmproj } = PRESETS['qwen3-vl-2b']!
  const hub = await startHub(t, { [hubPath(model)]: MODEL, [hubPath(mmproj)]: MMPROJ })
  const modelsDir = t.testdir()
  const progress: Array<[string, number, number]> = []
  const files = await resolveModelFiles({
    model: 'qwen3-vl-2b', mmproj: '', modelsDir, ...silent, onProgress: (...args) => { progress.push(args) }
  })
  t.match(files, { demo: false, sampling: undefined })
  t.equal(statSync(files.model).size, statSync(MODEL).size)
  t.equal(statSync(files.mmproj!).size, statSync(MMPROJ).size)
  t.ok(
    progress.some(([file, done, total]) => file === model && done === total && total === statSync(MODEL).size),
    'progress of the whole model is reported'
  )

  const before = hub.requests.filter(it => it.line.startsWith('GET')).length
  await resolveModelFiles({ model: 'qwen3-vl-2b', mmproj: '', modelsDir, ...silent })
  t.equal(hub.requests.filter(it => it.line.startsWith('GET')).length, before, 'nothing is downloaded again')

  const engine = await createTestEngine(t, { model: 'qwen3-vl-2b', modelsDir })
  t.match(engine.info(), { state: 'ready', demo: false, temperature: 0.7 })
})

t.test('a failed download names the setting and leaves no partial file', async t => {
  await startHub(t, {})
  const modelsDir = t.testdir()
  await t.rejects(resolveModelFiles({ model: 'hf:owner/repo/file.gguf', mmproj: '', modelsDir, ...silent }), {
    message: /^MODEL=hf:owner\/repo\/file\.gguf cannot be downloaded: /
  })
  t.same(existsSync(modelsDir) ? readdirSync(modelsDir) : [], [])
})

t.test('an hf: address downloads the projector too, and later starts do not contact the hub', async t => {
  const [model, other] = ['hf:owner/repo/tiny.gguf', 'hf:owner/text-only/tiny.gguf']
  const hub = await startHub(t, {
    [hubPath(model)]: MODEL,
    'owner/repo/mmproj-f16.gguf': MMPROJ,
    'owner/repo/mmproj-q8_0.gguf': MMPROJ,
    [hubPath(other)]: MODEL
  })
  const modelsDir = t.testdir()
  const resolve = async (model: string) => await resolveModelFiles({ model, mmproj: '', modelsDir, ...silent })
  const first = await resolve(model)
  t.equal(
    first.mmproj, path.join(modelsDir, 'hf_owner_repo_mmproj-q8_0.gguf'), '8 bits if there is a choice'
  )
  const asked = hub.requests.length
  t.same(await resolve(model), first)
  t.equal(hub.requests.length, asked)
  t.match(await resolve('hf:owner/repo/tiny.gguf'), { mmproj: first.mmproj })
})

t.test('a warning says that the hub was not reachable for a projector, and the model answers text', async t => {
  const hub = await startHub(t, { 'owner/repo/tiny.gguf': MODEL, 'owner/other/tiny.gguf': MODEL })
  const warnings: string[] = []
  const options =
    { mmproj: '', modelsDir: t.testdir(), ...silent, onWarning: (sentence: string) => { warnings.push(sentence) } }
  t.match(await resolveModelFiles({ ...options, model: 'hf:owner/repo/tiny.gguf' }), { mmproj: null })
  t.strictSame(warnings, [], 'the repository has none')
  hub.listingFails = true
  t.match(await resolveModelFiles({ ...options, model: 'hf:owner/other/tiny.gguf' }), { mmproj: null })
  t.match(warnings, [
    /^The projector of hf:owner\/other\/tiny\.gguf was not looked up, so the model answers text only: 127\.0\.0\.1:/
  ])
  t.match(warnings, [/: 127\.0\.0\.1:\d+ does not list the files of owner\/other: HTTP 500$/])
})

t.test('the matching projector in the folder of a model is used', async t => {
  const dir = t.testdir()
  const write = (name: string, at: (shape: typeof REAL_SHAPES[string]) => void) => at(REAL_SHAPES[name]!)
  const inDir = (file: string) => path.join(dir, file)
  write('qwen3-vl-2b', shape => {
    writeRealModel(inDir('hf_Qwen_A-Instruct-GGUF_model.gguf'), shape)
    writeRealProjector(inDir('hf_Qwen_A-Instruct-GGUF_mmproj-q8_0.gguf'), shape)
    writeRealProjector(inDir('hf_Qwen_A-Thinking-GGUF_mmproj-q8_0.gguf'), shape)
  })
  write('qwen3-vl-8b', shape => {
    writeRealModel(inDir('hf_Qwen_B-GGUF_model.gguf'), shape)
    writeRealModel(inDir('eight.gguf'), shape)
  })
  const find = async (model: string) =>
    (await resolveModelFiles({ model: inDir(model), mmproj: '', modelsDir: dir, ...silent })).mmproj
  t.equal(
    await find('hf_Qwen_A-Instruct-GGUF_model.gguf'), inDir('hf_Qwen_A-Instruct-GGUF_mmproj-q8_0.gguf'),
    'among several that match, that of its repository'
  )
  t.equal(await find('hf_Qwen_B-GGUF_model.gguf'), null, 'projectors downloaded for other models are skipped')
  t.equal(await find('eight.gguf'), null)
  write('qwen3-vl-2b', shape => writeRealProjector(inDir('mmproj-two.gguf'), shape))
  await t.rejects(find('eight.gguf'), {
    message: 'The projector mmproj-two.gguf does not belong to the model eight.gguf: its embeddings have width 2048, ' +
      'those of the model 4096. Move it out of the folder of the model, or set MMPROJ'
  })
  write('qwen3-vl-8b', shape => writeRealProjector(inDir('mmproj-eight.gguf'), shape))
  t.equal(await find('eight.gguf'), inDir('mmproj-eight.gguf'))
})

t.test('quantisations of one projector need no choice, and names decide between models of one shape', async t => {
  const dir = t.testdir()
  const inDir = (file: string) => path.join(dir, file)
  const named = (name: string) => ({ 'general.name': name })
  const choices: string[] = []
  const find = async (model: string) => (await resolveModelFiles({
    model: inDir(model), mmproj: '', modelsDir: dir, ...silent, onChoice: sentence => { choices.push(sentence) }
  })).mmproj
  writeHollowModel(dir, 'qwen3.5', named('Qwen3.8 27B'), 'Qwen3.8-27B-Q4_K_M.gguf')
  writeHollowProjector(dir, 'qwen3.5', named('Qwen3.6 27B'), 'mmproj-Qwen3.6-27B-F16.gguf')
  await t.rejects(find('Qwen3.8-27B-Q4_K_M.gguf'), {
    message: 'The projector mmproj-Qwen3.6-27B-F16.gguf does not belong to the model Qwen3.8-27B-Q4_K_M.gguf by ' +
      'their names: it is named Qwen3.6 27B, the model Qwen3.8 27B. ' +
      'Move it out of the folder of the model, or set MMPROJ'
  })
  writeHollowProjector(dir, 'qwen3.5', named('Qwen3.8 27B'), 'mmproj-Qwen3.8-27B-BF16.gguf')
  t.equal(await find('Qwen3.8-27B-Q4_K_M.gguf'), inDir('mmproj-Qwen3.8-27B-BF16.gguf'))
  t.strictSame(choices, [], 'only one matches')
  writeHollowProjector(dir, 'qwen3.5', named('Qwen3.8 27B'), 'Qwen3.8-27B.mmproj-f16.gguf')
  t.equal(await find('Qwen3.8-27B-Q4_K_M.gguf'), inDir('Qwen3.8-27B.mmproj-f16.gguf'))
  t.strictSame(choices, [
    '2 projectors match Qwen3.8-27B-Q4_K_M.gguf: Qwen3.8-27B.mmproj-f16.gguf is used, and MMPROJ can name another'
  ])
  writeHollowProjector(dir, 'qwen3-vl', {}, 'mmproj-Qwen3.8-27B-Q8_0.gguf')
  t.equal(await find('Qwen3.8-27B-Q4_K_M.gguf'), inDir('Qwen3.8-27B.mmproj-f16.gguf'), 'the header decides first')
})

t.test('a projector without mmproj in its name is found by its header', async t => {
  const dir = t.testdir({ 'notes.gguf': 'no model', 'folder.gguf': {} })
  writeHollowProjector(dir, 'qwen3.5', {}, 'Qwen3.5-vision-encoder.gguf')
  writeHollowModel(dir, 'qwen3.5', {}, 'other-size.gguf')
  const model = writeHollowModel(dir, 'qwen3.5')
  t.match(await resolveModelFiles({ model, mmproj: '', modelsDir: dir, ...silent }), {
    mmproj: path.join(dir, 'Qwen3.5-vision-encoder.gguf')
  })
})

t.test('a download takes the projector of its own repository, also where its name lacks the repository', async t => {
  const dir = t.testdir()
  const find = async (model: string) =>
    (await resolveModelFiles({ model: path.join(dir, model), mmproj: '', modelsDir: dir, ...silent })).mmproj
  // node-llama-cpp names files after the quantisation in the address, and omits a repository of the same name.
  const model = 'hf_ggml-org_Qwen3.8-27B.Q4_K_M.gguf'
  writeHollowModel(dir, 'qwen3.5', {}, model)
  writeHollowProjector(dir, 'qwen3.5', {}, 'hf_ggml-org_Qwen3.6-27B-GGUF_mmproj-Qwen3.6-27B-Q8_0.gguf')
  writeHollowProjector(dir, 'qwen3.5', {}, 'hf_unsloth_Qwen3.8-27B-GGUF_mmproj-F16.gguf')
  t.equal(await find(model), null, 'projectors of other repositories are not used')
  const own = 'hf_ggml-org_Qwen3.8-27B-GGUF_mmproj-Qwen3.8-27B-Q8_0.gguf'
  writeHollowProjector(dir, 'qwen3.5', {}, own)
  t.equal(await find(model), path.join(dir, own))
})

t.test('a model without a projector answers text and refuses images', async t => {
  const dir = t.testdir()
  copyFileSync(MODEL, path.join(dir, 'model.gguf'))
  const engine = await createTestEngine(t, { model: path.join(dir, 'model.gguf') })
  t.equal(engine.info().vision, null)
  let text = ''
  for await (const event of engine.generate({
    turns: [{ role: 'user', parts: [{ type: 'text', text: 'Hi' }] }],
    scope: '',
    tools: [],
    images: [],
    maxTokens: 40,
    stop: [],
    grammar: null,
    sampling: { temperature: 0 }
  }, new AbortController().signal)) {
    if (event.type === 'token') text += event.text
  }
  t.match(text, /Hello! I am a tiny demonstration model/)
})

t.test('settings override the limits of images in the file', async t => {
  const projector = await readProjectorHeader(MMPROJ)
  t.same(visionInfo(projector, { imageMinTokens: null, imageMaxTokens: null }), {
    multiple: 28, minTokens: 16, maxTokens: 36, coordinates: 'pixels'
  })
  t.same(visionInfo(projector, { imageMinTokens: 4, imageMaxTokens: 1280 }), {
    multiple: 28, minTokens: 4, maxTokens: 1280, coordinates: 'pixels'
  })
  t.throws(() => visionInfo(projector, { imageMinTokens: 100, imageMaxTokens: null }), {
    message: /at least 100 and at most 36/
  })
})

t.test('a hub that cannot be reached is named at once', async t => {
  const before = process.env.HF_ENDPOINT
  t.teardown(() => {
    if (before === undefined) delete process.env.HF_ENDPOINT
    else process.env.HF_ENDPOINT = before
  })
  process.env.HF_ENDPOINT = 'http://127.0.0.1:9/'
  await t.rejects(resolveModelFiles({ model: 'qwen3.5-4b', mmproj: '', modelsDir: t.testdir(), ...silent }), {
    message: /cannot be downloaded: 127\.0\.0\.1:9 cannot be reached: .+; set HF_ENDPOINT to a mirror/
  })
})

t.test('a link that leads nowhere does not hide the projector', async t => {
  const dir = t.testdir()
  const model = path.join(dir, 'model.gguf')
  copyFileSync(MODEL, model)
  copyFileSync(MMPROJ, path.join(dir, 'mmproj-F16.gguf'))
  symlinkSync(path.join(dir, 'nowhere'), path.join(dir, 'other.gguf'))
  const files = await resolveModelFiles({ model, mmproj: '', modelsDir: dir, ...silent })
  t.equal(files.mmproj, path.join(dir, 'mmproj-F16.gguf'))
})
