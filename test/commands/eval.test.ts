import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import path from 'node:path'
import t, { type Test } from 'tap'
import { runEvalCommand } from '../../tools/evaluation/command.ts'
import type { Example } from '../../tools/evaluation/examples.ts'
import { settingsFor } from '../../tools/evaluation/own-service.ts'
import { readReport } from '../../tools/evaluation/report-file.ts'
import { ROOT } from '../../config/root.ts'
import { builtFile, isBuilt } from '../built.ts'
import { drawShape, EXAMPLES, startService } from '../helper.ts'

const never = new AbortController().signal

interface Told { code: number, out: string, err: string }

async function run (args: string[], env: Record<string, string> = {}, signal = never): Promise<Told> {
  const told = { out: '', err: '' }
  const err = { isTTY: false, write: (text: string) => { told.err += text; return true } }
  const code = await runEvalCommand(args, env, { out: text => { told.out += `${text}\n` }, err }, signal)
  return { code, ...told }
}

type FileExample = Omit<Example, 'turns'> & {
  turns: Array<Omit<Example['turns'][number], 'pictures'> & { pictures?: number }>
}

/** Creates a folder of examples, with the images that they name. */
function folderOf (t: Test, examples: FileExample[], pictures: Record<string, Buffer>): string {
  const dir = t.testdir({})
  mkdirSync(path.join(dir, 'examples'))
  for (const [name, data] of Object.entries(pictures)) writeFileSync(path.join(dir, 'examples', name), data)
  writeFileSync(path.join(dir, 'examples/examples.json'), JSON.stringify({ examples }))
  return path.join(dir, 'examples')
}

// With one slot and no cache, the second of two requests is refused, and images of earlier turns have expired.
const service = await startService(t, { MAX_CONCURRENT_REQUESTS: '1', IMAGE_CACHE_MB: '0' })
const at = ['--url', service.url]
const red = await drawShape('circle', 'red', 'white')
const heart = readFileSync(path.join(EXAMPLES, '00.png'))

t.test('a running service is scored task by task, refusals for want of a slot are waited out', async t => {
  const before = service.app.slots.stats().rejected
  const { code, out } = await run([...at, '--task', 'number,colour', '--concurrency', '3', '--at-least', '1'])
  t.equal(code, 0)
  const lines = out.split('\n')
  const expected = [
    /^task +right +% +95 % interval +median ms$/,
    /^number +1\/1 +100\.0 +20\.7 to 100\.0 +\d+$/,
    /^colour +2\/2 +100\.0 +34\.2 to 100\.0 +\d+$/,
    /^all +3\/3 +100\.0 +43\.9 to 100\.0 +\d+$/,
    /^$/,
    /^tiny-qwen2-vl-q8_0 on cpu: 3 of 3 right in [\d.]+ s$/,
    /^$/
  ]
  t.equal(lines.length, expected.length)
  t.match(lines, expected)
  t.ok(service.app.slots.stats().rejected > before, 'some were refused')
  await service.quiet()
})

t.test('a follow-up contains the real answer and the image id, and an expired image is sent again', async t => {
  const turns = [
    { message: 'What is in the picture?' },
    { message: 'What is the colour of the background?', expect: { exact: 'The background is white.' } }
  ]
  const folder = folderOf(
    t, [{ id: 'two turns', task: 'follow-up', language: 'en', pictures: ['red.png'], turns }], { 'red.png': red }
  )
  const report = path.join(folder, 'report.json')
  const { code, err } = await run([...at, '--folder', folder, '--report', report, '--at-least', '1'])
  t.equal(err, '')
  t.equal(code, 0)
  const [first, second] = readReport(report).examples[0]!.turns
  t.match(first, { expect: null, verdict: null, answer: { response: 'A red circle on a white background.' } })
  t.match(second, { pictures: [], verdict: { right: true } })
  t.equal(second!.answer!.images.length, 1, 'it was sent again')
  t.ok(second!.answer!.usage.prompt_tokens > first!.answer!.usage.prompt_tokens)
})

t.test('boxes are compared in the pixels of the image file, and drawn into the report', async t => {
  const schema = { const: { bbox_2d: [28, 42, 84, 126], label: 'heart' } }
  const asking = (id: string, box: number[]): FileExample =>
    ({
      id,
      task: 'box',
      pictures: ['00 <a>.png'],
      turns: [{ message: 'Where is the heart?', schema, expect: { boxes: [{ box, label: 'Heart' }] } }]
    })
  const folder =
    folderOf(t, [asking('right', [30, 40, 90, 120]), asking('wrong', [60, 40, 120, 120])], { '00 <a>.png': heart })
  const [json, html] = ['report.json', 'report.html'].map(name => path.join(folder, name)) as [string, string]
  const { code, out, err } =
    await run([...at, '--folder', folder, '--report', json, '--report', html, '--at-least', '0.95'])
  t.equal(code, 1)
  t.equal(err, 'Below 95.0 %: box (50.0 %)\n')
  t.ok(out.endsWith(`Report: ${json}\nReport: ${html}\n`))
  const { examples, setup, tasks } = readReport(json)
  t.same(
    examples.map(({ id, turns }) => [id, turns[0]!.verdict!.ious!.map(iou => iou.toFixed(2))]),
    [['wrong', ['0.33']], ['right', ['1.00']]], 'wrong ones first'
  )
  t.match(examples[0]!.turns[0], {
    message: 'Where is the heart?',
    expect: { boxes: [{ label: 'Heart' }] },
    answer: { images: [{ original: { width: 120, height: 160 }, sent: { width: 112, height: 168 } }] }
  })
  t.match(setup, { model: { name: 'tiny-qwen2-vl-q8_0' }, sampling: { temperature: 0, seed: 0 }, concurrency: 1 })
  t.match(tasks, [{ task: 'box', right: 1, total: 2 }])
  const page = readFileSync(html, 'utf8')
  t.match(page, '<svg viewBox="0 0 120 160" width="120" height="160"><image href="00%20%3Ca%3E.png"')
  t.ok(page.includes(
    '<rect class="expected" x="60" y="40" width="60" height="80"/>' +
    '<rect class="found" x="30" y="40" width="60" height="80"/>'
  ))
  t.notMatch(page, '<a>', 'nothing of the data is markup')
})

t.test('a refusal counts as wrong, and the turns after it are not asked', async t => {
  const turns = [{ message: 'What is it?' }, { message: 'Sure?', expect: { exact: 'Yes' } }]
  const folder =
    folderOf(t, [{ id: 'no picture', task: 'x', pictures: ['a.png'], turns }], { 'a.png': Buffer.from('hello') })
  const report = path.join(folder, 'report.json')
  const { code, out } = await run([...at, '--folder', folder, '--report', report])
  t.equal(code, 0)
  t.match(out, /0 of 1 right in [\d.]+ s, 1 refused \(no picture: 415 UNSUPPORTED_IMAGE: /)
  t.equal(readReport(report).examples[0]!.turns.length, 1)
})

t.test('a comparison tells what changed: verdicts, words, settings', async t => {
  const example = (id: string, expect: object): FileExample =>
    ({ id, task: 'shape', pictures: ['red.png'], turns: [{ message: 'What is in the picture?', expect }] })
  const folder = folderOf(
    t, [example('whole', { exact: 'A red circle on a white background.' }), example('colour', { contains: 'red' })],
    { 'red.png': red }
  )
  const earlier = path.join(folder, 'earlier.json')
  const first = await run([...at, '--folder', folder, '--report', earlier])
  t.equal(first.code, 0)
  const { code, out } = await run([...at, '--folder', folder, '--max-tokens', '3', '--compare', earlier])
  t.equal(code, 0)
  t.equal(out.slice(out.indexOf('Compared')), `Compared with ${earlier}:
sampling.max_tokens: null then, 3 now
task   then  now  points
shape   2/2  1/2   -50.0
all     2/2  1/2   -50.0
right now, wrong then: none
wrong now, right then: whole
same verdict, other words: 1
`)
  writeFileSync(earlier, '{}')
  t.match(await run([...at, '--compare', earlier]), {
    code: 1, err: /earlier\.json is not a report of this command\n$/
  })
})

t.test('a service is started for a model: the embedded one', async t => {
  const { code, out, err } = await run(['demo', '--task', 'json,describe-several', '--limit', '1', '--at-least', '1'], {
    UPLOAD_DIR: t.testdir(),
    LLAMA_GPU: 'off',
    PORT: '1',
    API_KEYS: 'a-key-of-sixteen-characters',
    MODEL: 'another',
    MMPROJ: 'another'
  })
  t.equal(err, '')
  t.equal(code, 0)
  t.match(out, /^json +1\/1 .*\ndescribe-several +1\/1 /m)
})

t.test('one that is still loading is ended with the command', async t => {
  const stop = new AbortController()
  setTimeout(() => stop.abort(new Error('interrupted')), 300)
  await t.rejects(run(['demo'], { UPLOAD_DIR: t.testdir(), LLAMA_GPU: 'off' }, stop.signal), { message: 'interrupted' })
})

t.test('a projector stays with the model beside which it is set', async t => {
  t.match(settingsFor('a.gguf', { MODEL: 'a.gguf', MMPROJ: 'b.gguf' }), {
    MODEL: 'a.gguf', MMPROJ: 'b.gguf', HOST: '127.0.0.1', PORT: '0', API_KEYS: ''
  })
  t.match(settingsFor('a.gguf', { MMPROJ: 'b.gguf' }), { MMPROJ: 'b.gguf' })
  t.match(settingsFor('c.gguf', { MODEL: 'a.gguf', MMPROJ: 'b.gguf' }), { MODEL: 'c.gguf', MMPROJ: '' })
  t.match(settingsFor('demo', { MMPROJ: 'b.gguf' }), { MODEL: '', MMPROJ: '' })
  t.match(settingsFor('qwen', { ENGINE: 'openai' }), { ENGINE_MODEL: 'qwen' })
})

t.test('a key is sent where one is wanted', async t => {
  const key = 'a-key-of-sixteen-characters'
  const locked = await startService(t, { API_KEYS: key }, service.engine)
  const args = ['--url', `${locked.url}/`, '--task', 'word']
  t.match(await run([...args, '--key', key]), { code: 0, out: /2 of 2 right/ })
  t.match(await run(args, { SIGHTLINE_KEY: key }), { code: 0, out: /2 of 2 right/ })
  t.match(await run(args), {
    code: 1, err: /^http:\S+ needs a valid key: set --key or SIGHTLINE_KEY \(401 UNAUTHORIZED: .*\)\n$/
  })
})

t.test('what is wrong from the start is said in one sentence, before anything is asked', async t => {
  for (const [args, code, sentence] of [
    [[], 2, 'Name one model, or a running service with --url\n'],
    [['demo', ...at], 2, 'Name one model, or a running service with --url\n'],
    [['demo', '--key', 'x'], 2, '--key needs --url: '],
    [['--url', 'localhost:5000'], 2, '--url must be an http(s) address, got "localhost:5000"\n'],
    [[...at, '--task', 'number,nothing'], 2, '--task nothing is not one of describe, number, '],
    [[...at, '--limit', '0'], 2, '--limit must be an integer from 1 to '],
    [[...at, '--at-least', '95'], 2, '--at-least must be a number from 0 to 1, got "95"\n'],
    [[...at, '--report', 'report.txt'], 2, '--report must end in .json or .html, got "report.txt"\n'],
    [[...at, '--nothing'], 2, 'Unknown option \'--nothing\''],
    [
      [...at, '--report', 'no/such/folder/report.json'], 1,
      'The report no/such/folder/report.json cannot be written: ENOENT'
    ],
    [[...at, '--folder', 'no-such-folder'], 1, 'no-such-folder/examples.json cannot be read: ENOENT'],
    [['--url', 'http://127.0.0.1:1'], 1, 'http://127.0.0.1:1 cannot be reached: ECONNREFUSED\n'],
    [['--url', `${service.url}/elsewhere`], 1, `${service.url}/elsewhere is not a Sightline service\n`],
    [['no-such-model'], 1, 'The service cannot start: MODEL=no-such-model is neither a file nor a preset ']
  ] as Array<[string[], number, string]>) {
    const told = await run(args, { UPLOAD_DIR: t.testdir(), LLAMA_GPU: 'off' })
    t.equal(told.code, code, args.join(' '))
    t.ok(told.err.startsWith(sentence), told.err)
    t.equal(told.out, '')
  }
  t.match(await run(['demo'], { MAX_PIXELS: 'many' }), { code: 2, err: /^MAX_PIXELS must be / })
})

t.test('Ctrl-C stops it, and that is said', async t => {
  const silent = createServer(() => {}).listen(0, '127.0.0.1')
  t.teardown(() => silent.close())
  await once(silent, 'listening')
  const entry = isBuilt
    ? [builtFile('commands/eval.js')]
    : ['--import', import.meta.resolve('tsx'), path.join(ROOT, 'commands/eval.ts')]
  const child = spawn(
    process.execPath, [...entry, '--url', `http://127.0.0.1:${(silent.address() as AddressInfo).port}`],
    { stdio: ['ignore', 'pipe', 'pipe'] }
  )
  t.teardown(() => child.kill('SIGKILL'))
  let err = ''
  child.stderr.on('data', chunk => { err += chunk })
  await once(silent, 'connection')
  child.kill('SIGINT')
  const [code] = await once(child, 'close')
  t.equal(code, 130)
  t.equal(err, '\nInterrupted. No report was written.\n')
})
