import path from 'node:path'
import t from 'tap'
import { DEMO } from '../../../models/presets.ts'
import { ROOT } from '../../../config/root.ts'
import { listHubFiles, parseHubAddress, projectorOnHub } from '../../../services/models/hub.ts'
import { filesOfModel } from '../../../services/models/parts.ts'
import { compareWithHub } from '../../../services/models/verify.ts'
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

t.test('compares a file with its own entry, or with every entry if the address names a quantisation', async t => {
  await startHub(t, { 'a/b/model.gguf': MODEL, 'a/b/mmproj.gguf': MMPROJ })
  t.same(await compareWithHub(MODEL, 'hf:a/b/model.gguf'), { state: 'verified' })
  t.same(await compareWithHub(MODEL, 'hf:a/b:Q8_0'), { state: 'verified' })
  await t.rejects(compareWithHub(MODEL, 'hf:a/b/mmproj.gguf'), {
    message: /^tiny-qwen2-vl-q8_0\.gguf has \d+ bytes, the file on the hub \d+\. Delete it and pull it again$/
  })
  t.match(await compareWithHub(MODEL, 'hf:a/b/other.gguf'), { state: 'unknown', why: /no checksum/ })
  t.match(await compareWithHub(MODEL, 'https://example.com/model.gguf'), {
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
