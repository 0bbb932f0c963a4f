import path from 'node:path'
import t from 'tap'
import { DEMO } from '../../../models/presets.ts'
import { ROOT } from '../../../config/root.ts'
import { listHubFiles, parseHubAddress, projectorOnHub } from '../../../services/models/hub.ts'
import { closestProjectors } from '../../../services/models/projector-names.ts'
import { filesOfModel } from '../../../services/models/parts.ts'
import { compareChecksum } from '../../../services/models/verify.ts'
import { startHub } from '../../hub.ts'

const MODEL = path.join(ROOT, DEMO.model)
const MMPROJ = path.join(ROOT, DEMO.mmproj)

t.test('parses addresses on the hub', async t => {
  t.strictSame(parseHubAddress('hf:owner/repo:Q4_K_M'), { repo: 'owner/repo', branch: 'main', file: null })
  t.strictSame(parseHubAddress('hf:owner/repo'), { repo: 'owner/repo', branch: 'main', file: null })
  t.strictSame(parseHubAddress('huggingface://owner/repo/sub/model.gguf#next'), {
    repo: 'owner/repo', branch: 'next', file: 'sub/model.gguf'
  })
  for (const uri of ['model.gguf', '/models/model.gguf', 'https://example.com/a/b/c.gguf', 'hf:owner', 'qwen3-vl-4b']) {
    t.equal(parseHubAddress(uri), null, uri)
  }
})

t.test('prefers projectors in 8 bits, then in 16', async t => {
  await startHub(t, {
    'a/one/mmproj-x-BF16.gguf': MMPROJ,
    'a/one/mmproj-x-F16.gguf': MMPROJ,
    'a/one/mmproj-x-Q8_0.gguf': MMPROJ,
    'a/two/mmproj-x-BF16.gguf': MMPROJ,
    'a/two/mmproj-x-F16.gguf': MMPROJ,
    'a/three/x.mmproj.gguf': MMPROJ,
    'a/four/model.gguf': MODEL
  })
  const chosen = async (repo: string) => await projectorOnHub({ repo, branch: 'main', file: null })
  t.equal(await chosen('a/one'), 'hf:a/one/mmproj-x-Q8_0.gguf')
  t.equal(await chosen('a/two'), 'hf:a/two/mmproj-x-F16.gguf')
  t.equal(await chosen('a/three'), 'hf:a/three/x.mmproj.gguf')
  t.equal(await chosen('a/four'), null)
})

t.test('finds projectors under the names that publishers use', async t => {
  for (const [precisions, best] of [
    [['mmproj-F16.gguf', 'mmproj-BF16.gguf', 'mmproj-F32.gguf'], 'mmproj-F16.gguf'],
    [['mmproj-BF16.gguf', 'mmproj-F32.gguf'], 'mmproj-BF16.gguf'],
    [['f16-mmproj.gguf', 'bf16-mmproj.gguf'], 'f16-mmproj.gguf'],
    [['mmproj-model-f16.gguf', 'Qwen3.5-4B.mmproj-Q8_0.gguf'], 'Qwen3.5-4B.mmproj-Q8_0.gguf'],
    [['x-mmproj-bf16.gguf', 'x-mmproj-fp16.gguf'], 'x-mmproj-fp16.gguf'],
    [['mmproj-Q4_0.gguf', 'mmproj-F32.gguf', 'mmproj.gguf'], 'mmproj-F32.gguf'],
    [['mmproj/BF16/mmproj.gguf', 'mmproj/F16/mmproj.gguf'], 'mmproj/F16/mmproj.gguf']
  ] as Array<[string[], string]>) {
    for (const names of [precisions, [...precisions].reverse()]) {
      t.equal(closestProjectors('owner/Qwen3.5-4B-GGUF/', names)[0], best, names.join(', '))
    }
  }
})

t.test('in a repository of several models, the projector with the closest name is chosen', async t => {
  await startHub(t, Object.fromEntries([
    'Qwen3.5-4B-Q4_K_M.gguf', 'Qwen3.5-9B-Q4_K_M.gguf', 'mmproj-Qwen3.5-4B-Q8_0.gguf', 'mmproj-Qwen3.5-9B-BF16.gguf'
  ].map(file => [`a/all/${file}`, MMPROJ]).concat([
    ['a/folders/4B/model-Q4_K_M.gguf', MODEL],
    ['a/folders/4B/mmproj-F16.gguf', MMPROJ],
    ['a/folders/9B/mmproj-Q8_0.gguf', MMPROJ]
  ])))
  const chosen = async (repo: string, file: string) => await projectorOnHub({ repo, branch: 'main', file })
  t.equal(await chosen('a/all', 'Qwen3.5-9B-Q4_K_M.gguf'), 'hf:a/all/mmproj-Qwen3.5-9B-BF16.gguf')
  t.equal(await chosen('a/all', 'Qwen3.5-4B-Q4_K_M.gguf'), 'hf:a/all/mmproj-Qwen3.5-4B-Q8_0.gguf')
  t.equal(await chosen('a/folders', '4B/model-Q4_K_M.gguf'), 'hf:a/folders/4B/mmproj-F16.gguf')
})

t.test('compares a file with its own entry, or with every entry if the address names a quantisation', async t => {
  await startHub(t, { 'a/b/model.gguf': MODEL, 'a/b/mmproj.gguf': MMPROJ })
  t.same(await compareChecksum(MODEL, 'hf:a/b/model.gguf'), { state: 'verified', by: 'hub' })
  t.same(await compareChecksum(MODEL, 'hf:a/b:Q8_0'), { state: 'verified', by: 'hub' })
  await t.rejects(compareChecksum(MODEL, 'hf:a/b/mmproj.gguf'), {
    message: /^tiny-qwen2-vl-q8_0\.gguf has \d+ bytes, the file on the hub \d+\. Delete it and pull it again$/
  })
  t.match(await compareChecksum(MODEL, 'hf:a/b/other.gguf'), { state: 'unknown', why: /no checksum/ })
  t.match(await compareChecksum(MODEL, 'https://example.com/model.gguf'), {
    state: 'unknown', why: /is not from the hub/
  })
})

t.test('an unreachable hub is reported by name', async t => {
  process.env.HF_ENDPOINT = 'http://127.0.0.1:1'
  t.teardown(() => { delete process.env.HF_ENDPOINT })
  await t.rejects(listHubFiles({ repo: 'a/b', branch: 'main', file: null }), {
    message: /^127\.0\.0\.1:1 cannot be reached for the files of a\/b: /
  })
})

t.test('returns all parts of a split model', async t => {
  t.strictSame(filesOfModel('/m/model.gguf'), ['/m/model.gguf'])
  t.strictSame(filesOfModel('/m/model-00001-of-00003.gguf'), [
    '/m/model-00001-of-00003.gguf', '/m/model-00002-of-00003.gguf', '/m/model-00003-of-00003.gguf'
  ])
})
