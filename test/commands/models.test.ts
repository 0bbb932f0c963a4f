import { spawn, type ChildProcess } from 'node:child_process'
import { readdirSync, statSync, truncateSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { loadConfig } from '../../config/config.ts'
import { DEMO, PRESETS } from '../../models/presets.ts'
import { ROOT } from '../../config/root.ts'
import { runModelsCommand } from '../../commands/models/command.ts'
import { createLocalEngine } from '../../services/engine/local-engine.ts'
import { ENGINE_DEFAULTS, silent } from '../helper.ts'
import { hubPath, startHub } from '../hub.ts'
import { REAL_SHAPES, writeRealModel, writeRealProjector } from '../real-models.ts'

const MODEL = path.join(ROOT, DEMO.model)
const MMPROJ = path.join(ROOT, DEMO.mmproj)
// As in the command itself: node-llama-cpp tests its binary in a child process without the loader.
process.execArgv.length = 0

const never = new AbortController().signal

interface Outcome { code: number | null, out: string, err: string }

/** Runs a command in this process, with `models/` of a folder as MODELS_DIR. */
async function run (dir: string, args: string[], env: Record<string, string> = {}): Promise<Outcome> {
  const told = { out: '', err: '' }
  const err = { isTTY: false, write: (text: string) => { told.err += text } } as unknown as NodeJS.WriteStream
  const code = await runModelsCommand(
    args, loadConfig({ MODELS_DIR: path.join(dir, 'models'), ...env }),
    { out: text => { told.out += `${text}\n` }, err }, never
  )
  return { code, ...told }
}

/** Runs a command as a process. */
function start (
  t: Test, dir: string, entry: string[], args: string[], env: Record<string, string> = {}
): { child: ChildProcess, told (): string, ended: Promise<Outcome> } {
  const { PATH = '', HOME = '', HF_ENDPOINT } = process.env
  const child = spawn(
    process.execPath, [...entry, ...args], { cwd: dir, env: { PATH, HOME, ...HF_ENDPOINT && { HF_ENDPOINT }, ...env } }
  )
  const told = { out: '', err: '' }
  child.stdout.on('data', chunk => { told.out += chunk })
  child.stderr.on('data', chunk => { told.err += chunk })
  t.teardown(() => child.kill('SIGKILL'))
  return {
    child, told: () => told.err, ended: new Promise(resolve => child.once('close', code => resolve({ code, ...told })))
  }
}

t.test('list prints the files, sizes and memory of every preset, and which files are on the disk', async t => {
  const dir = t.testdir({ models: {} })
  const { model } = PRESETS['qwen3-vl-8b']!
  writeRealModel(
    path.join(dir, 'models', `hf_Qwen_Qwen3-VL-8B-Instruct-GGUF_${path.basename(model)}`), REAL_SHAPES['qwen3-vl-8b']!
  )
  const { code, out } = await run(dir, ['list'])
  t.equal(code, 0)
  const lines = out.split('\n')
  const row = lines.findIndex(line => line.startsWith('qwen3-vl-8b '))
  t.match(lines[row], /^qwen3-vl-8b +Qwen3VL-8B-Instruct-Q4_K_M\.gguf +5\.02 GB {2}yes$/)
  t.match(lines[row + 1], /^ +mmproj-Qwen3VL-8B-Instruct-Q8_0\.gguf +0\.75 GB {2}no$/)
  t.match(
    out, /^qwen3-vl-8b +4\.35 GiB +0\.70 GiB +0\.17 GiB +0\.34 GiB +1\.13 GiB +8\.93 GiB +- +1 +4 +5 +6 +8 +11 +16$/m
  )
  for (const preset of Object.keys(PRESETS)) t.match(out, new RegExp(`^${preset} `, 'm'))
  t.match(out, /^The authors of this service have downloaded and run none of these models\./m)
  t.match(out, /\n\nRecommended for this machine: \S+[^]*\n {2}MODEL=\S+ MAX_CONCURRENT_REQUESTS=auto npm start\n$/)
})

t.test('check reports whether files match and the memory that they need, and exits with 1 on an error', async t => {
  const dir = t.testdir({ models: {} })
  const inModels = (file: string) => path.join(dir, 'models', file)
  writeRealModel(inModels('eight.gguf'), REAL_SHAPES['qwen3-vl-8b']!)
  writeRealProjector(inModels('mmproj-eight.gguf'), REAL_SHAPES['qwen3-vl-8b']!)
  const eight = await run(dir, ['check', 'eight.gguf'])
  t.equal(eight.code, 0)
  t.match(eight.out, /^model +eight\.gguf, 5\.02 GB, qwen3vl, trained for 262144 tokens$/m)
  t.match(eight.out, /^match +yes: embeddings of width 4096, 3 deepstack layers$/m)
  t.match(eight.out, /^3 slots of 8192 tokens, 1\.13 GiB each +3\.38 GiB$/m)
  t.match(eight.out, /^8 GB +12 GB +16 GB +24 GB +32 GB +48 GB +80 GB\n +1 +4 +5 +6 +8 +11 +16$/m)

  writeRealProjector(inModels('wrong.gguf'), REAL_SHAPES['qwen3-vl-2b']!)
  const wrong = await run(dir, ['check'], { MODEL: 'eight.gguf', MMPROJ: 'wrong.gguf' })
  t.equal(wrong.code, 1)
  t.equal(
    wrong.err,
    'The projector wrong.gguf does not belong to the model eight.gguf: ' +
    'its embeddings have width 2048, those of the model 4096\n'
  )

  truncateSync(inModels('mmproj-eight.gguf'), 700_000_000)
  const cut = await run(dir, ['check', 'eight.gguf'])
  t.equal(cut.code, 1)
  t.match(
    cut.err,
    /^mmproj-eight\.gguf is truncated: it has 700000000 of at least 7[45]\d+ bytes\. Delete it and pull it again\n$/
  )

  const absent = await run(dir, ['check', 'qwen3-vl-4b'])
  t.equal(absent.code, 1)
  t.match(absent.err, /^qwen3-vl-4b is not on the disk .*: run models pull qwen3-vl-4b\n$/)
})

t.test('check and the start refuse wrong pairs of the hybrid families, and check describes a right one', async t => {
  const dir = t.testdir({ models: {} })
  const inModels = (file: string) => path.join(dir, 'models', file)
  writeRealModel(inModels('Qwen3.5-9B.gguf'), REAL_SHAPES['qwen3.5-9b']!)
  writeRealProjector(inModels('mmproj-Qwen3.5-9B.gguf'), REAL_SHAPES['qwen3.5-9b']!)
  writeRealProjector(inModels('mmproj-Qwen3-VL-8B.gguf'), REAL_SHAPES['qwen3-vl-8b']!)
  writeRealProjector(inModels('mmproj-Qwen3.5-4B.gguf'), REAL_SHAPES['qwen3.5-4b']!)
  const right = await run(dir, ['check', 'Qwen3.5-9B.gguf'])
  t.equal(right.code, 0, right.err)
  t.match(right.out, /^layers +32, of which 24 are recurrent$/m)
  t.match(right.out, /^projector +mmproj-Qwen3\.5-9B\.gguf, .*, qwen3vl_merger$/m, 'the one that matches')
  t.match(right.out, /^match +yes: embeddings of width 4096$/m)

  const refusal = 'does not belong to the model Qwen3.5-9B.gguf: '
  for (const [projector, reason] of [
    [
      'mmproj-Qwen3-VL-8B.gguf',
      'it is one of Qwen3-VL and has 3 deepstack layers, the model needs 0 as one of Qwen3.5'
    ],
    ['mmproj-Qwen3.5-4B.gguf', 'its embeddings have width 2560, those of the model 4096']
  ] as const) {
    const sentence = `The projector ${projector} ${refusal}${reason}`
    const { code, err } = await run(dir, ['check'], { MODEL: 'Qwen3.5-9B.gguf', MMPROJ: projector })
    t.strictSame([code, err], [1, `${sentence}\n`])
    const engine = createLocalEngine({
      log: silent, ...ENGINE_DEFAULTS, model: inModels('Qwen3.5-9B.gguf'), mmproj: inModels(projector)
    })
    await t.rejects(engine.ready(), { message: sentence }, 'the start')
    await engine.close()
  }
  const swapped = await run(dir, ['check'], { MODEL: 'mmproj-Qwen3.5-9B.gguf', MMPROJ: 'Qwen3.5-9B.gguf' })
  t.match(swapped, { code: 1, err: /^mmproj-Qwen3\.5-9B\.gguf is a projector, not a language model: use MMPROJ/ })
})

t.test('the built command checks the embedded model', async t => {
  const { code, out } = await start(t, t.testdir(), [path.join(ROOT, 'dist/commands/models.js')], ['check']).ended
  t.equal(code, 0)
  t.match(out, /^projector +mmproj-tiny-qwen2-vl-f16\.gguf, 2\.7 MB, qwen2vl_merger$/m)
})

t.test('a wrong command line prints the usage, a wrong setting prints its name', async t => {
  const dir = t.testdir()
  for (const args of [[], ['push'], ['list', 'x'], ['pull', 'a', 'b'], ['pull', '--all'], ['toString']]) {
    const { code, err } = await run(dir, args)
    t.equal(code, 2)
    t.match(err, /^models list /)
  }
  const { code, err } =
    await start(t, dir, [path.join(ROOT, 'dist/commands/models.js')], ['list'], { CONTEXT_SIZE: 'much' }).ended
  t.equal(code, 2)
  t.match(err, /^CONTEXT_SIZE must be an integer/)
})

t.test('pull downloads both files, reports progress, and compares them with the hub', async t => {
  const dir = t.testdir()
  const { model, mmproj } = PRESETS['qwen3-vl-2b']!
  const hub = await startHub(t, { [hubPath(model)]: MODEL, [hubPath(mmproj)]: MMPROJ })
  const first = await run(dir, ['pull', 'qwen3-vl-2b'])
  t.equal(first.code, 0, first.err)
  t.match(first.err, /^hf:Qwen\/Qwen3-VL-2B-Instruct-GGUF\/Qwen3VL-2B-Instruct-Q4_K_M\.gguf: 100 %, 4 of 4 MB$/m)
  const lines = first.out.trimEnd().split('\n')
  t.equal(lines.length, 2)
  t.match(lines, [
    /models\/hf_Qwen_.*Qwen3VL-2B-Instruct-Q4_K_M\.gguf {2}4\.1 MB {2}complete, checksum matches the hub$/,
    /models\/hf_Qwen_.*mmproj-.* {2}2\.7 MB {2}complete, checksum matches the hub$/
  ])
  const downloads = () => hub.requests.filter(({ line }) => line.startsWith('GET /Qwen')).length
  const before = downloads()
  t.match(await run(dir, ['pull', 'qwen3-vl-2b']), { code: 0, err: '' })
  t.equal(downloads(), before, 'existing files are not downloaded again')

  hub.wrongChecksum = true
  t.match(await run(dir, ['pull', 'qwen3-vl-2b']), {
    code: 1,
    err: /Q4_K_M\.gguf has another checksum \(SHA-256 [0-9a-f]{64}\) than on the hub\. Delete it and pull it again\n$/
  })
  hub.listingFails = true
  t.match(await run(dir, ['pull', 'qwen3-vl-2b']), {
    code: 0,
    out: /complete; checksum not compared: 127\.0\.0\.1:\d+ does not list the files of Qwen\/Qwen3-VL-\S+: HTTP 500\n/
  })
})

t.test('pull compares with the checksums of the preset if the hub reports none', async t => {
  const dir = t.testdir()
  const { model, mmproj } = PRESETS['qwen3.5-4b']!
  const hub = await startHub(t, { [hubPath(model)]: MODEL, [hubPath(mmproj)]: MMPROJ })
  t.match(await run(dir, ['pull', 'qwen3.5-4b']), { code: 0, out: /checksum matches the hub\n.*matches the hub\n$/ },
    'the repository has replaced its files, and the hub confirms them')
  hub.listingFails = true
  t.match(await run(dir, ['pull', 'qwen3.5-4b']), {
    code: 1,
    err: /Q4_K_M\.gguf has another checksum \(SHA-256 \w{64}\) than in the preset \(00fe7986\w{56}\)\. Delete it /
  })
})

t.test('pull of an hf: address also downloads the projector, and reports missing files', async t => {
  const dir = t.testdir()
  await startHub(t, {
    'owner/repo/tiny.gguf': MODEL, 'owner/repo/mmproj-tiny.gguf': MMPROJ, 'owner/text/tiny.gguf': MODEL
  })
  t.match(await run(dir, ['pull', 'hf:owner/repo/tiny.gguf']), {
    code: 0, out: /hf_owner_repo_tiny\.gguf .*\n.*hf_owner_repo_mmproj-tiny\.gguf .* matches the hub\n$/
  })
  t.match(await run(t.testdir(), ['pull', 'hf:owner/text/tiny.gguf']), {
    code: 0, err: /The model has no projector: it answers text only\n$/
  })
  t.match(await run(t.testdir(), ['pull', 'hf:owner/none/tiny.gguf']), {
    code: 1, err: /^MODEL=hf:owner\/none\/tiny\.gguf cannot be downloaded: /
  })
  t.match(await run(t.testdir(), ['pull']), { code: 1, err: /^Name a preset/ })
})

t.test('an interrupted pull exits with 130, and the next one resumes the download', async t => {
  const dir = t.testdir({ hub: {} })
  const file = path.join(dir, 'hub/large.gguf')
  const { text } = REAL_SHAPES['qwen3-vl-2b']!
  writeRealModel(file, { ...REAL_SHAPES['qwen3-vl-2b']!, text: { ...text, layers: 2, vocabulary: 512 } })
  const { size } = statSync(file)
  const hub = await startHub(t, { 'owner/repo/large.gguf': file })
  hub.stallAfter = Math.floor(size * 0.7)
  const pull = start(
    t, dir, ['--import', import.meta.resolve('tsx'), path.join(ROOT, 'commands/models.ts')],
    ['pull', 'hf:owner/repo/large.gguf']
  )
  for (let i = 0; i < 300 && !/[3-6]0 %/.test(pull.told()); i++) await sleep(100)
  await sleep(1000)
  pull.child.kill('SIGINT')
  const { code, err } = await pull.ended
  t.equal(code, 130)
  t.match(err, /Interrupted\. The next pull resumes the download\.\n$/)
  t.notOk(
    readdirSync(path.join(dir, 'models')).some(name => name.endsWith('.gguf')),
    'no incomplete file has the name of a model'
  )

  hub.stallAfter = Infinity
  const sent = () => hub.requests.filter(({ ranged }) => ranged).reduce((sum, { bytes }) => sum + bytes, 0)
  const before = sent()
  t.match(await run(dir, ['pull', 'hf:owner/repo/large.gguf']), {
    code: 0, out: /hf_owner_repo_large\.gguf .* matches the hub\n$/
  })
  t.ok(sent() - before < size * 0.8, `${sent() - before} of ${size} bytes were sent again`)
})
