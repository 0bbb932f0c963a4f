import path from 'node:path'
import t from 'tap'
import type { EngineEvent } from '../../../services/engine/engine.ts'
import { createLocalEngine } from '../../../services/engine/local-engine.ts'
import {
  ask, createForm, createTestEngine, drawShape, ENGINE_DEFAULTS, EXAMPLES, readEvents, silent, startService
} from '../../helper.ts'
import { REAL_SHAPES, writeRealProjector } from '../../real-models.ts'
import { collect, createHeartRequest, ORIGINAL, textOf } from './requests.ts'

const request = await createHeartRequest(t)
const image = request.images[0]!
const never = new AbortController().signal

async function until (condition: () => boolean): Promise<void> {
  for (let i = 0; !condition(); i++) {
    if (i > 2000) throw new Error('the condition was not met within 20 s')
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}

const whole = await createTestEngine(t)
const single = await createTestEngine(t, { slots: 1 })
const narrow = await createTestEngine(t, { contextSize: 512 })

t.test('reports the model, the usage and the cached images', async t => {
  const engine = whole
  t.match(engine.info(), {
    state: 'ready',
    demo: true,
    architecture: 'qwen2vl',
    contextSize: 4096,
    slots: 3,
    temperature: 0,
    device: 'cpu',
    vision: { multiple: 28, minTokens: 16, maxTokens: 36, coordinates: 'pixels' },
    tools: null
  })
  const { textTokens, known } = await engine.inspect(request.turns, [], [image.id])
  t.same(known, [])
  const events = await collect(engine.generate(request, never))
  const done = events.at(-1)!
  if (done.type !== 'done') return t.fail('the last event is done')
  const tokens = image.width * image.height / 28 ** 2
  t.equal(done.usage.imageTokens, tokens)
  t.equal(done.usage.promptTokens, textTokens + tokens)
  t.same(done.cachedImages, [false])
  t.equal(textOf(events), 'A blue heart on a white background.')

  t.same((await engine.inspect([], [], [image.id, 'sha256:other'])).known, [
    { id: image.id, original: ORIGINAL, width: image.width, height: image.height, tokens }
  ])
  const again = await collect(engine.generate({ ...request, images: [{ ...image, file: undefined }] }, never))
  t.equal(textOf(again), textOf(events), 'answered from the cached embedding')
  t.match(again.at(-1), { type: 'done', cachedImages: [true] })
})

t.test('an image that is no longer cached is reported by its id', async t => {
  const gone = { ...image, id: 'sha256:gone', file: undefined }
  await t.rejects(collect(whole.generate({ ...request, images: [gone] }, never)), {
    code: 'IMAGE_EXPIRED', details: { ids: [gone.id] }
  })
})

t.test('a prompt that does not fit is rejected before it is evaluated', async t => {
  const engine = narrow
  const text = 'red circle '.repeat(400)
  await t.rejects(collect(
    engine.generate({ ...request, images: [], turns: [{ role: 'user', parts: [{ type: 'text', text }] }] }, never)
  ), { code: 'PROMPT_TOO_LONG' })
  t.match((await collect(engine.generate(request, never))).at(-1), { type: 'done' })
})

t.test('a full context ends the answer with length', async t => {
  const engine = narrow
  const text = 'red circle '.repeat(40)
  const { textTokens } = await engine.inspect([{ role: 'user', parts: [{ type: 'text', text }] }], [], [])
  const padding = ' a'.repeat(512 - textTokens - 5)
  const turns = [{ role: 'user' as const, parts: [{ type: 'text' as const, text: text + padding }] }]
  const room = 512 - 1 - (await engine.inspect(turns, [], [])).textTokens
  t.ok(room >= 1 && room < 10, `${room} cells are left`)
  t.match((await collect(engine.generate({ ...request, images: [], turns }, never))).at(-1), {
    type: 'done', finishReason: 'length', usage: { completionTokens: room }
  })
})

t.test('an abort takes effect, and the next answer is correct', async t => {
  const engine = single
  for (const stage of ['progress', 'token']) {
    const controller = new AbortController()
    const reason = new Error('enough')
    await t.rejects(async () => {
      for await (const event of engine.generate(request, controller.signal)) {
        if (event.type === stage) controller.abort(reason)
      }
    }, { message: 'enough' })
    t.equal(textOf(await collect(engine.generate(request, never))), 'A blue heart on a white background.')
  }
  await t.rejects(collect(engine.generate(request, AbortSignal.abort(new Error('before')))), { message: 'before' })
})

t.test('a reader that stops early ends its request', async t => {
  const engine = single
  for await (const event of engine.generate(request, never)) {
    if (event.type === 'token') break
  }
  t.equal(textOf(await collect(engine.generate(request, never))), 'A blue heart on a white background.')
})

t.test('requests beyond the number of sequences wait', async t => {
  const engine = await createTestEngine(t, { slots: 2 })
  const answers = await Promise.all(Array.from({ length: 6 }, () => collect(engine.generate(request, never))))
  for (const events of answers) t.equal(textOf(events), 'A blue heart on a white background.')
  t.equal(answers.filter(events =>
    (events.at(-1) as Extract<EngineEvent, { type: 'done' }>).cachedImages[0] === false).length, 1, 'encoded once')
})

t.test('running answers are interleaved', async t => {
  const engine = whole
  const order: number[] = []
  await Promise.all([0, 1, 2].map(async index => {
    for await (const event of engine.generate(request, never)) {
      if (event.type === 'token') order.push(index)
    }
  }))
  const changes = order.filter((index, i) => i > 0 && index !== order[i - 1]).length
  t.ok(changes > order.length / 2, `${changes} changes between answers in ${order.length} tokens`)
})

t.test('the service survives a crash of the child: 503 or an error event, then a new child', async t => {
  const service = await startService(t)
  const redCircle = await drawShape('circle', 'red', 'white')
  const { pid } = service.engine.info()

  // The child is stopped, so that both requests are running when it is killed.
  const stream = await fetch(`${service.url}/api/chat_stream`, {
    method: 'POST', body: createForm({ message: 'What is in the picture?' }, [redCircle])
  })
  const events = readEvents(stream)
  t.match((await events.next()).value, { event: 'accepted' })
  process.kill(pid!, 'SIGSTOP')
  const plain = ask(service.url, { message: 'What is in the picture?' }, [redCircle])
  // Wait until the request is admitted, and long enough for its message to reach the child.
  await until(() => service.app.slots.stats().served === 2)
  await new Promise(resolve => setTimeout(resolve, 500))
  process.kill(pid!, 'SIGKILL')

  const { status, body } = await plain
  t.equal(status, 503)
  t.match(body, { code: 'ENGINE_CRASHED' })
  let last
  for await (const event of events) last = event
  // The stream may have ended before the child was stopped.
  t.ok(last?.event === 'done' || last?.data.code === 'ENGINE_CRASHED', JSON.stringify(last))
  await service.quiet()

  await until(() => service.engine.info().state === 'ready')
  t.not(service.engine.info().pid, pid)
  t.equal(service.engine.info().restarts, 1)
  const after = await ask(service.url, { message: 'What is in the picture?' }, [redCircle])
  t.equal(after.body.response, 'A red circle on a white background.')
  await service.quiet()
})

t.test('requests get 503 ENGINE_NOT_READY while the child restarts', async t => {
  const service = await startService(t)
  process.kill(service.engine.info().pid!, 'SIGKILL')
  await until(() => service.engine.info().state === 'restarting')
  const { status, body } = await ask(service.url, { message: 'Hi' })
  t.equal(status, 503)
  t.match(body, { code: 'ENGINE_NOT_READY', error: /restarted/ })
  t.equal((await fetch(`${service.url}/health/ready`)).status, 503)
  t.equal((await fetch(`${service.url}/health/live`)).status, 200)
  await service.quiet()
})

t.test('a model that cannot be loaded fails the start with a sentence that names the setting', async t => {
  const text = path.join(EXAMPLES, 'examples.json')
  const foreign = path.join(t.testdir(), 'foreign.gguf')
  writeRealProjector(foreign, REAL_SHAPES['qwen3-vl-2b']!)
  for (const [model, mmproj, sentence] of [
    ['/no/such.gguf', '', /MODEL=\/no\/such\.gguf is neither a file nor a preset \(qwen3.5-2b/],
    ['', '/no/such.gguf', /MMPROJ=\/no\/such\.gguf/],
    ['', text, /examples\.json/],
    [
      '', foreign,
      /^The projector foreign\.gguf does not belong to the model tiny-qwen2-vl-q8_0\.gguf: .* the model has qwen2vl$/
    ]
  ] as const) {
    const engine = createLocalEngine({ log: silent, ...ENGINE_DEFAULTS, model, mmproj })
    await t.rejects(engine.ready(), { message: sentence })
    await engine.close()
  }
})

t.test('a closed engine rejects requests', async t => {
  const engine = whole
  await engine.close()
  await t.rejects(collect(engine.generate(request, never)), { code: 'SHUTTING_DOWN' })
  t.equal(engine.info().state, 'closed')
  t.equal(engine.info().pid, null)
})
