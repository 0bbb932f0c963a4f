import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { createGrammars } from '../../../services/chat/grammars.ts'
import { createChatService } from '../../../services/chat/answer.ts'
import type { ChatEvent } from '../../../services/chat/events.ts'
import type { ChatRequest, UploadedFile } from '../../../services/chat/request.ts'
import type { Engine, EngineEvent, EngineInfo, GenerateRequest, KnownImage } from '../../../services/engine/engine.ts'
import { createPreparer } from '../../../services/images/preparer.ts'
import type { Log } from '../../../services/log.ts'
import { noise, store } from '../images/draw.ts'

const never = new AbortController().signal
const silent: Log = { debug () {}, info () {}, warn () {}, error () {} }
const DONE: EngineEvent = {
  type: 'done',
  finishReason: 'stop',
  usage: { promptTokens: 9, imageTokens: 4, cachedTokens: 0, thinkingTokens: 0, completionTokens: 1 },
  timings: { encodeMs: 1, prefillMs: 1, thinkingMs: 0, decodeMs: 1, ttftMs: 1 },
  cachedImages: []
}

type Script = (request: GenerateRequest, signal: AbortSignal) => AsyncIterable<EngineEvent>

/** Creates an engine that runs a test's script. `settled` becomes true when it has released a request. */
function scripted (script: Script, known: KnownImage[] = []) {
  const engine = {
    settled: false as boolean,
    ready: async () => {},
    info: () => ({
      state: 'ready',
      contextSize: 4096,
      slots: 1,
      vision: { multiple: 28, minTokens: 1, maxTokens: 64, coordinates: 'pixels' }
    }) as EngineInfo,
    inspect: async () => ({ textTokens: 5, known }),
    close: async () => {},
    async * generate (request: GenerateRequest, signal: AbortSignal) {
      try {
        yield * script(request, signal)
      } finally {
        await sleep(20)
        engine.settled = true
      }
    }
  } satisfies Engine & { settled: boolean }
  return engine
}

const grammars = createGrammars()
t.teardown(() => grammars.close())
const serviceFor = (engine: Engine, preparer = createPreparer(1)) => createChatService({
  engine,
  preparer,
  grammars,
  maxImages: 8,
  limits: { maxInputPixels: 1e8, maxSide: 1024, maxPixels: 1e6 },
  thinking: { usual: 'off', maxTokens: 100, effortTokens: { minimal: 1, low: 2, medium: 3, high: 4, xhigh: 5 } },
  boxCoordinates: 'auto',
  observer: { onGap () {}, onAnswer () {} }
})

/** @param keep share of the file's bytes that is stored */
async function upload (dir: string, index: number, keep = 1): Promise<UploadedFile> {
  const bytes = await noise(600, 400).jpeg().toBuffer()
  const file = await store(dir, `${index}.jpg`, bytes.subarray(0, Math.floor(bytes.length * keep)))
  return { ...file, field: `images[${index}]`, id: `sha256:${String(index).repeat(64)}` }
}

function requestFor (files: UploadedFile[]): ChatRequest {
  return {
    turns: [{
      role: 'user',
      parts: [...files.map((_, file) => ({ type: 'upload' as const, file })), { type: 'text', text: 'What is this?' }]
    }],
    tools: [],
    maxTokens: 10,
    thinking: null,
    stop: [],
    constraint: null,
    singleCall: false,
    sampling: {},
    files,
    scope: '',
    requestId: 'test',
    startedAt: performance.now(),
    queueMs: 0,
    uploadMs: 0,
    prepareStart: performance.now()
  }
}

async function collect (events: AsyncIterable<ChatEvent>): Promise<ChatEvent[]> {
  const all: ChatEvent[] = []
  for await (const event of events) all.push(event)
  return all
}

t.test('a slow reader receives merged tokens, a quick one each token', async t => {
  const words = Array.from({ length: 200 }, (_, i) => `${i} `)
  const script: Script = async function * () {
    for (let done = 1; done <= 50; done++) yield { type: 'progress', stage: 'prefill', done, total: 50 }
    for (const text of words) {
      yield { type: 'token', text }
      await turn()
    }
    yield DONE
  }
  for (const [reader, pauseMs] of [['quick', 0], ['slow', 20]] as const) {
    const seen: ChatEvent[] = []
    for await (const event of serviceFor(scripted(script)).answer(requestFor([]), never, silent)) {
      seen.push(event)
      if (pauseMs > 0) await sleep(pauseMs)
    }
    const tokens = seen.flatMap(event => event.type === 'token' ? [event.text] : [])
    t.equal(tokens.join(''), words.join(''), reader)
    if (reader === 'quick') t.equal(tokens.length, words.length)
    else t.ok(seen.length < 40, `${seen.length} events`)
    t.match(seen.filter(event => event.type === 'progress').at(-1), { done: 50 })
  }
})

t.test('the engine receives the first image while the others are being prepared', async t => {
  const dir = t.testdir()
  const files = await Promise.all([0, 1, 2].map(index => upload(dir, index)))
  let preparedThen: string[] = []
  const engine = scripted(async function * ({ images }) {
    await images[0]!.file!()
    preparedThen = (await readdir(dir)).filter(name => name.includes('_compressed'))
    for (const image of images) await image.file!()
    yield DONE
  })
  const events = await collect(serviceFor(engine).answer(requestFor(files), never, silent))
  t.ok(preparedThen.length < 3, `${preparedThen.length} were prepared`)
  t.same(events.map(event => event.type), ['accepted', 'image', 'image', 'image', 'done'])
})

t.test('a cached image is prepared only if the engine requests its file', async t => {
  const dir = t.testdir()
  const file = await upload(dir, 0)
  const known = (width: number, height: number) =>
    [{ id: file.id, original: { width: 600, height: 400 }, width, height, tokens: 54 }]
  const sent =
    await collect(serviceFor(scripted(async function * () { yield DONE })).answer(requestFor([file]), never, silent))
  const { width, height } = (sent[1] as Extract<ChatEvent, { type: 'image' }>).receipt.sent

  for (const asks of [false, true]) {
    const dir = t.testdir()
    const file = await upload(dir, 0)
    const engine = scripted(async function * ({ images }) {
      if (asks) await images[0]!.file!()
      yield DONE
    }, known(width, height))
    const events = await collect(serviceFor(engine).answer(requestFor([file]), never, silent))
    t.match(events[1], { type: 'image', receipt: { cached: true, compressed: true } })
    t.same(await readdir(dir), asks ? ['0.jpg', '0_compressed.png'] : ['0.jpg'])
  }
})

t.test('of several copies of an image, the first is prepared for all', async t => {
  const dir = t.testdir()
  const [first, other] = [await upload(dir, 0), await upload(dir, 1)]
  const copy = { ...await store(dir, '2.jpg', await readFile(first.path)), field: 'images[2]', id: first.id }
  const files: string[] = []
  const engine = scripted(async function * ({ images }) {
    for (const image of images) files.push(path.basename(await image.file!()))
    yield DONE
  })
  const events = await collect(serviceFor(engine).answer(requestFor([first, other, copy]), never, silent))
  t.same(events.map(event => event.type), ['accepted', 'image', 'image', 'image', 'done'])
  t.same(files, ['0_compressed.png', '1_compressed.png', '0_compressed.png'])
  t.same((await readdir(dir)).sort(), ['0.jpg', '0_compressed.png', '1.jpg', '1_compressed.png', '2.jpg'])
})

t.test('a damaged image fails the answer with its error, after the engine has released the request', async t => {
  for (const asks of [false, true]) {
    const dir = t.testdir()
    const files = [await upload(dir, 0), await upload(dir, 1, 0.5), await upload(dir, 2)]
    const engine = scripted(async function * ({ images }, signal) {
      if (asks) await images[1]!.file!()
      await new Promise((_resolve, reject) => {
        const stop = () => reject(signal.reason)
        if (signal.aborted) stop()
        signal.addEventListener('abort', stop)
      })
      yield DONE
    })
    await t.rejects(collect(serviceFor(engine).answer(requestFor(files), never, silent)), {
      code: 'CORRUPT_IMAGE', details: { image: 1, field: 'images[1]' }
    })
    t.ok(engine.settled)
    const left = await readdir(dir)
    await sleep(100)
    t.same(await readdir(dir), left, 'no image is prepared after the failure')
  }
})

t.test('an error of the engine stops the preparation', async t => {
  const dir = t.testdir()
  const files = await Promise.all([0, 1, 2, 3].map(index => upload(dir, index)))
  const engine = scripted(async function * () { throw new Error('it broke') })
  await t.rejects(collect(serviceFor(engine).answer(requestFor(files), never, silent)), { message: 'it broke' })
  const left = await readdir(dir)
  t.ok(left.length < 8, 'some images were not prepared')
  await sleep(100)
  t.same(await readdir(dir), left)
})

t.test('a reader that stops early aborts the engine and waits for it', async t => {
  const dir = t.testdir()
  let reason: unknown
  const engine = scripted(async function * (_request, signal) {
    yield { type: 'token', text: 'a' }
    await new Promise<void>(resolve => signal.addEventListener('abort', () => { reason = signal.reason; resolve() }))
    throw reason
  })
  for await (const event of serviceFor(engine).answer(requestFor([await upload(dir, 0)]), never, silent)) {
    if (event.type === 'token') break
  }
  t.ok(reason instanceof Error)
  t.ok(engine.settled)
})

t.test('an answer uses anticipated images; errors of anticipation are not reported', async t => {
  const dir = t.testdir()
  const file = await upload(dir, 0)
  const engine = scripted(async function * ({ images }) {
    await images[0]!.file!()
    yield DONE
  })
  const real = createPreparer(1)
  let prepared = 0
  const service =
    serviceFor(engine, { prepare: async (job, signal) => { prepared++; return await real.prepare(job, signal) } })
  await service.anticipate(file, '', never)
  t.same(await readdir(dir), ['0.jpg', '0_compressed.png'])
  t.match((await collect(service.answer(requestFor([file]), never, silent))).at(-1), { type: 'done' })
  t.equal(prepared, 1)

  await service.anticipate(await upload(dir, 1, 0.5), '', never)
  t.equal(prepared, 2, 'a damaged image does not reject `anticipate`')
  await service.anticipate(await upload(dir, 2), '', AbortSignal.abort(new Error('gone')))
  t.equal(prepared, 2)
})
