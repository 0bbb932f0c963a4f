import { copyFileSync, createReadStream, existsSync, statSync, readdirSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import t, { type Test } from 'tap'
import { DEMO, PRESETS } from '../../../models/presets.ts'
import { ROOT } from '../../../root.ts'
import { resolveModelFiles } from '../../../services/models/files.ts'
import { readModelHeader, readProjectorHeader, visionInfo } from '../../../services/models/headers.ts'
import { createTestEngine } from '../../helper.ts'

const MODEL = path.join(ROOT, DEMO.model)
const MMPROJ = path.join(ROOT, DEMO.mmproj)
const silent = { onProgress: () => {}, onWarning: () => {} }

/** Stands in for the hub: `/<owner>/<repo>/resolve/main/<file>`, with ranges, from a table of files. */
async function startHub (t: Test, files: Record<string, string>): Promise<{ url: string, requests: string[] }> {
  const requests: string[] = []
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url!, 'http://hub')
    requests.push(`${request.method} ${pathname}`)
    const file = files[pathname]
    if (!file) return response.writeHead(404).end()
    const { size } = statSync(file)
    const range = /bytes=(\d+)-(\d*)/.exec(request.headers.range ?? '')
    const start = range ? Number(range[1]) : 0
    const end = range?.[2] ? Number(range[2]) : size - 1
    response.writeHead(range ? 206 : 200, {
      'content-length': end - start + 1,
      'accept-ranges': 'bytes',
      ...range && { 'content-range': `bytes ${start}-${end}/${size}` }
    })
    if (request.method === 'HEAD') return response.end()
    createReadStream(file, { start, end }).pipe(response)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => { server.closeAllConnections(); server.close() })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, requests }
}

t.test('an empty MODEL is the embedded one', async t => {
  t.same(await resolveModelFiles({ model: '', mmproj: '', modelsDir: t.testdir(), ...silent }), { model: MODEL, mmproj: MMPROJ, demo: true, temperature: 0, threads: 1 })
})

t.test('a path, and the only projector beside it', async t => {
  const dir = t.testdir()
  copyFileSync(MODEL, path.join(dir, 'model.gguf'))
  const options = { mmproj: '', modelsDir: dir, ...silent }
  t.match(await resolveModelFiles({ ...options, model: path.join(dir, 'model.gguf') }), { mmproj: null, demo: false, temperature: 0.7 })
  copyFileSync(MMPROJ, path.join(dir, 'mmproj-a.gguf'))
  t.match(await resolveModelFiles({ ...options, model: path.join(dir, 'model.gguf') }), { mmproj: path.join(dir, 'mmproj-a.gguf') })
  t.match(await resolveModelFiles({ ...options, model: 'model.gguf' }), { model: path.join(dir, 'model.gguf') }, 'also by name within MODELS_DIR')
  copyFileSync(MMPROJ, path.join(dir, 'mmproj-b.gguf'))
  await t.rejects(resolveModelFiles({ ...options, model: 'model.gguf' }), { message: /2 projectors beside the model; name one with MMPROJ \(mmproj-a\.gguf, mmproj-b\.gguf\)/ })
  t.match(await resolveModelFiles({ ...options, model: 'model.gguf', mmproj: 'mmproj-b.gguf' }), { mmproj: path.join(dir, 'mmproj-b.gguf') })
})

t.test('what is neither file nor preset nor address is refused by name', async t => {
  const options = { modelsDir: t.testdir(), ...silent }
  await t.rejects(resolveModelFiles({ ...options, model: 'qwen9', mmproj: '' }), { message: /^MODEL=qwen9 is neither a file nor a preset \(qwen3-vl-2b, / })
  await t.rejects(resolveModelFiles({ ...options, model: '', mmproj: 'nope' }), { message: /^MMPROJ=nope is neither/ })
})

t.test('a preset downloads both its files through node-llama-cpp\'s resolver, with progress, and only once', async t => {
  const { model, mmproj } = PRESETS['qwen3-vl-2b']!
  const urlOf = (uri: string) => {
    const [owner, repo, file] = uri.slice('hf:'.length).split('/')
    return `/${owner}/${repo}/resolve/main/${file}`
  }
  const hub = await startHub(t, { [urlOf(model)]: MODEL, [urlOf(mmproj)]: MMPROJ })
  process.env.HF_ENDPOINT = hub.url
  t.teardown(() => { delete process.env.HF_ENDPOINT })
  const modelsDir = t.testdir()
  const progress: Array<[string, number, number]> = []
  const files = await resolveModelFiles({ model: 'qwen3-vl-2b', mmproj: '', modelsDir, ...silent, onProgress: (...args) => { progress.push(args) } })
  t.match(files, { demo: false, temperature: 0.7 })
  t.equal(statSync(files.model).size, statSync(MODEL).size)
  t.equal(statSync(files.mmproj!).size, statSync(MMPROJ).size)
  t.ok(progress.some(([file, done, total]) => file === model && done === total && total === statSync(MODEL).size), 'told of the whole model')

  const before = hub.requests.filter(it => it.startsWith('GET')).length
  await resolveModelFiles({ model: 'qwen3-vl-2b', mmproj: '', modelsDir, ...silent })
  t.equal(hub.requests.filter(it => it.startsWith('GET')).length, before, 'nothing is downloaded again')

  const engine = await createTestEngine(t, { model: 'qwen3-vl-2b', modelsDir })
  t.match(engine.info(), { state: 'ready', demo: false, temperature: 0.7 })
})

t.test('a download that fails names the setting and leaves no half file', async t => {
  const hub = await startHub(t, {})
  process.env.HF_ENDPOINT = hub.url
  t.teardown(() => { delete process.env.HF_ENDPOINT })
  const modelsDir = t.testdir()
  await t.rejects(resolveModelFiles({ model: 'hf:owner/repo/file.gguf', mmproj: '', modelsDir, ...silent }), { message: /^MODEL=hf:owner\/repo\/file\.gguf cannot be downloaded: / })
  t.same(existsSync(modelsDir) ? readdirSync(modelsDir) : [], [])
})

t.test('a model without a projector answers text and refuses pictures', async t => {
  const dir = t.testdir()
  copyFileSync(MODEL, path.join(dir, 'model.gguf'))
  const engine = await createTestEngine(t, { model: path.join(dir, 'model.gguf') })
  t.equal(engine.info().vision, null)
  let text = ''
  for await (const event of engine.generate({ turns: [{ role: 'user', parts: [{ type: 'text', text: 'Hi' }] }], scope: '', tools: [], images: [], maxTokens: 40, stop: [], grammar: null, sampling: { temperature: 0 } }, new AbortController().signal)) {
    if (event.type === 'token') text += event.text
  }
  t.match(text, /Hello! I am a tiny demonstration model/)
})

t.test('limits of a picture: the file\'s own, overridden by the operator', async t => {
  const projector = await readProjectorHeader(MMPROJ)
  t.same(visionInfo(projector, { imageMinTokens: null, imageMaxTokens: null }), { multiple: 28, minTokens: 16, maxTokens: 36, coordinates: 'pixels' })
  t.same(visionInfo(projector, { imageMinTokens: 4, imageMaxTokens: 1280 }), { multiple: 28, minTokens: 4, maxTokens: 1280, coordinates: 'pixels' })
  t.throws(() => visionInfo(projector, { imageMinTokens: 100, imageMaxTokens: null }), { message: /at least 100 and at most 36/ })
  await t.rejects(readProjectorHeader(MODEL), { message: /not a projector of the Qwen-VL family/ })
  await t.rejects(readModelHeader(MMPROJ), { message: /is a projector, not a language model: name it with MMPROJ/ })
})
