import path from 'node:path'
import sharp from 'sharp'
import t from 'tap'
import type { EngineImage, GenerateRequest } from '../../../services/engine/engine.ts'
import { createTestEngine } from '../../helper.ts'
import { until } from '../../server-process.ts'
import { collect, createHeartRequest, textOf } from './requests.ts'

const never = new AbortController().signal
const dir = t.testdir()
/** Far more tokens than in the training of the embedded model, so that encoding takes about a second. */
const SIDE = 40 * 28
const LIMITS = { slots: 2, threads: 2, imageMaxTokens: 40 * 40, maxPixels: SIDE ** 2 }

async function drawLarge (name: string, background: string): Promise<EngineImage> {
  const png = path.join(dir, `${name}.png`)
  const size = { width: SIDE, height: SIDE }
  await sharp({ create: { ...size, channels: 3, background } }).png({ compressionLevel: 0 }).toFile(png)
  return { id: `sha256:${name}`, file: async () => png, original: size, ...size }
}

const ask = (image: EngineImage): GenerateRequest => ({
  turns: [{ role: 'user', parts: [{ type: 'image', image: 0 }, { type: 'text', text: 'What is in the picture?' }] }],
  scope: '',
  images: [image],
  tools: [],
  maxTokens: 8,
  stop: [],
  grammar: null,
  sampling: { temperature: 0 }
})

const heart = await createHeartRequest(t)
const engine = await createTestEngine(t, LIMITS)
const encodeEarly = engine.encodeEarly!
const images = { red: await drawLarge('red', 'red'), blue: await drawLarge('blue', 'blue') }
const knownOf = async ({ id }: EngineImage) => (await engine.inspect([], [], [id])).known

t.test('an answer uses the early encoding and is the same as without it', async t => {
  const other = await createTestEngine(t, LIMITS)
  const expected = await collect(other.generate(ask(images.red), never))
  const request = new AbortController()
  await encodeEarly(images.red, request.signal)
  t.equal(engine.info().caches.images, 1)
  t.same(await knownOf(images.red), [], 'no answer has used it')
  const unread = { ...images.red, file: async () => { throw new Error('the file was requested') } }
  const events = await collect(engine.generate(ask(unread), never))
  t.equal(textOf(events), textOf(expected))
  t.match(events.at(-1), { type: 'done', cachedImages: [false] })
  request.abort()
  t.match(await knownOf(images.red), [{ tokens: 40 * 40 }])
})

t.test('an answer does not wait for the early encoding of another image', async t => {
  const order: string[] = []
  const early = encodeEarly(images.blue, never).then(() => order.push('early encoding'))
  await collect(engine.generate({ ...heart, scope: 'another' }, never))
  order.push('answer')
  await early
  t.same(order, ['answer', 'early encoding'])
  t.equal(engine.info().caches.images, 3)
})

t.test('an abort ends a running early encoding, and the image can be encoded again', async t => {
  const image = await drawLarge('green', 'green')
  const before = engine.info().caches.images
  const request = new AbortController()
  const early = encodeEarly(image, request.signal)
  // The child answers messages in their order, so it has begun by then.
  await knownOf(image)
  request.abort(new Error('the client left'))
  await early
  // This one would be encoded behind it.
  await encodeEarly({ ...heart.images[0]!, id: 'sha256:next' }, never)
  t.equal(engine.info().caches.images, before + 1, 'the encoding did not finish')
  t.match((await collect(engine.generate(ask(image), never))).at(-1), { type: 'done', cachedImages: [false] })
})

t.test('two requests with the same image at once encode it once', async t => {
  const image = await drawLarge('white', 'white')
  const before = engine.info().caches.images
  await Promise.all([encodeEarly(image, never), encodeEarly(image, never)])
  t.equal(engine.info().caches.images, before + 1)
  const answers = await Promise.all([1, 2].map(async scope =>
    await collect(engine.generate({ ...ask(image), scope: String(scope) }, never))))
  const cached = answers.map(events => (events.at(-1) as { cachedImages: boolean[] }).cachedImages[0])
  t.same(cached.sort(), [false, true])
})

t.test('errors of the file are left to the answer', async t => {
  const missing = { ...images.red, id: 'sha256:missing', file: async () => path.join(dir, 'missing.png') }
  await encodeEarly(missing, never)
  const failing = { ...missing, file: async () => { throw new Error('not prepared') } }
  await encodeEarly(failing, never)
  await t.rejects(collect(engine.generate(ask(missing), never)), { code: 'ENGINE_ERROR' })
})

t.test('a crash during an early encoding ends it in silence, and the answer has the usual error', async t => {
  const image = await drawLarge('black', 'black')
  const { pid } = engine.info()
  const request = new AbortController()
  const early = encodeEarly(image, request.signal)
  await knownOf(image)
  process.kill(pid!, 'SIGKILL')
  await early
  await encodeEarly(image, request.signal)
  await t.rejects(collect(engine.generate(ask(image), never)), { code: /^ENGINE_(NOT_READY|CRASHED)$/ })
  await until(() => engine.info().state === 'ready' && engine.info().pid !== pid)
  // The successor does not know this request.
  request.abort()
  t.equal(textOf(await collect(engine.generate(heart, never))), 'A blue heart on a white background.')
})
