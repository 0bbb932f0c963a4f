import path from 'node:path'
import sharp from 'sharp'
import t from 'tap'
import type { EngineImage, GenerateRequest } from '../../../services/engine/engine.ts'
import { createTestEngine } from '../../helper.ts'
import { collect, textOf } from './requests.ts'

const never = new AbortController().signal
const dir = t.testdir()

/** Far more tokens than in the training of the embedded model. Its answer is nonsense, but encoding takes a while. */
const TOKENS = 40 * 40

async function drawLarge (name: string): Promise<EngineImage> {
  const [width, height] = [40 * 28, 40 * 28]
  const png = path.join(dir, `${name}.png`)
  await sharp({ create: { width, height, channels: 3, background: name === 'a' ? 'red' : 'blue' } })
    .png({ compressionLevel: 0 })
    .toFile(png)
  return { id: `sha256:${name}`, file: async () => png, original: { width, height }, width, height }
}

const ask = (text: string, image?: EngineImage): GenerateRequest => ({
  turns: [{ role: 'user', parts: [...image ? [{ type: 'image' as const, image: 0 }] : [], { type: 'text', text }] }],
  scope: '',
  images: image ? [image] : [],
  tools: [],
  maxTokens: 8,
  stop: [],
  grammar: null,
  sampling: { temperature: 0 }
})

// Two threads, so that encoding and decoding can share them.
const engine = await createTestEngine(t, { slots: 2, threads: 2, imageMaxTokens: TOKENS, maxPixels: TOKENS * 28 ** 2 })
const images = { a: await drawLarge('a'), b: await drawLarge('b'), c: await drawLarge('c'), d: await drawLarge('d') }

t.test('a question does not wait while an image is being encoded', async t => {
  const order: string[] = []
  const asked: Array<Promise<unknown>> = []
  for await (const event of engine.generate(ask('What is in the picture?', images.a), never)) {
    // The text before the image is evaluated, so its encoding starts now.
    if (asked.length === 0) {
      asked.push(collect(engine.generate(ask('Hi'), never)).then(() => order.push('the question is answered')))
    }
    if (event.type === 'progress' && event.stage === 'encode') order.push('the image is encoded')
  }
  await Promise.all(asked)
  t.same(order, ['the question is answered', 'the image is encoded'])
})

t.test('an abort ends a running encoding', async t => {
  const controller = new AbortController()
  const reason = new Error('enough')
  await t.rejects(async () => {
    for await (const event of engine.generate(ask('What is in the picture?', images.b), controller.signal)) {
      if (event.type === 'progress') setTimeout(() => controller.abort(reason), 50)
    }
  }, reason)
  t.same((await engine.inspect([], [], [images.b.id])).known, [], 'the encoding did not finish')

  const whole = await collect(engine.generate(ask('What is in the picture?', images.b), never))
  t.match(whole.at(-1), { type: 'done', cachedImages: [false], usage: { imageTokens: TOKENS } })
  t.match((await engine.inspect([], [], [images.b.id])).known, [{ tokens: TOKENS }])
})

t.test('an aborted request whose image waits for the encoder ends before the encoding that it waits for', async t => {
  const order: string[] = []
  const controller = new AbortController()
  const reason = new Error('the client left')
  let waiting: Promise<unknown> | null = null
  const file = async () => {
    // The engine reads the image now, and then waits for the encoder behind the other image.
    setTimeout(() => controller.abort(reason), 20)
    return await images.d.file!()
  }
  // No sequence contains a prefix of this prompt, so its first event precedes the encoding of its image.
  for await (const event of engine.generate({ ...ask('What is in the image?', images.c), scope: 'first' }, never)) {
    const second = { ...ask('And in this one?', { ...images.d, file }), scope: 'second' }
    waiting ??= collect(engine.generate(second, controller.signal))
      .catch(error => order.push(error === reason ? 'the waiting request has ended' : String(error)))
    if (event.type === 'progress' && event.stage === 'encode') order.push('the image is encoded')
  }
  await waiting
  t.same(order, ['the waiting request has ended', 'the image is encoded'])
  t.same((await engine.inspect([], [], [images.d.id])).known, [], 'its own image was not encoded')
})

t.test('a sequence answers correctly after an abort while an image is decoded', async t => {
  // Different scopes prevent prefix reuse between the answers.
  const question = (scope: string) => ({ ...ask('What is in the image?', images.a), scope })
  const expected = textOf(await collect(engine.generate(question('undisturbed'), never)))
  for (let slices = 1; slices <= 4; slices++) {
    const scope = `aborted ${slices}`
    const controller = new AbortController()
    const reason = new Error('the client left')
    let left = slices
    await t.rejects(async () => {
      for await (const event of engine.generate(question(scope), controller.signal)) {
        // Above 100 tokens, the progress belongs to the image.
        const isImage = event.type === 'progress' && event.stage === 'prefill' && event.done > 100
        if ((isImage && left-- === 1) || event.type === 'token') controller.abort(reason)
      }
    }, reason)
    t.equal(textOf(await collect(engine.generate(question(scope), never))), expected)
  }
})
