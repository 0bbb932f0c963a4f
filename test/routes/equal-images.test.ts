import sharp from 'sharp'
import t from 'tap'
import { ask, createTestEngine, drawShape, startService } from '../helper.ts'

const engine = await createTestEngine(t)
const { model } = engine.info()
const red = await drawShape('circle', 'red', 'white')
const blue = await drawShape('square', 'blue', 'yellow')
const uriOf = (image: Buffer) => `data:image/png;base64,${image.toString('base64')}`
const part = (image: Buffer, more: object = {}) => ({ type: 'image_url', image_url: { url: uriOf(image), ...more } })

async function post (url: string, body: object): Promise<{ status: number, answer: any }> {
  const response = await fetch(url, {
    method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' }
  })
  return { status: response.status, answer: await response.json() }
}

t.test('nine copies of an image count once', async t => {
  const service = await startService(t, { MAX_IMAGES: '2' }, engine)
  const nine = Array<Buffer>(9).fill(red)
  const form = await ask(service.url, { message: 'What is in the picture?', max_tokens: '3' }, nine)
  const { answer: json } =
    await post(`${service.url}/api/chat`, { message: 'Hi', max_tokens: 3, images: [...nine.map(uriOf), uriOf(blue)] })
  const turns = nine.flatMap(image => [
    { role: 'user', content: [part(image), { type: 'text', text: 'Hi' }] }, { role: 'assistant', content: 'Hi.' }
  ])
  const { answer: completion } = await post(`${service.url}/v1/chat/completions`, {
    model, max_tokens: 3, messages: [...turns, { role: 'user', content: 'What is in the picture?' }]
  })

  t.same([form.status, form.body.images.length], [200, 9])
  t.equal(new Set(form.body.images.map((receipt: any) => receipt.id)).size, 1)
  t.equal(json.images.length, 10)
  t.equal(completion.choices?.length, 1, JSON.stringify(completion.error))

  const refused = await post(`${service.url}/api/chat`, {
    message: 'Hi', images: [red, blue, await drawShape('circle', 'blue', 'white')].map(uriOf)
  })
  t.match(refused, {
    status: 400,
    answer: {
      code: 'TOO_MANY_IMAGES',
      limit: 2,
      error: /more than 2 different images \(MAX_IMAGES\); name images .* by their ids/
    }
  })
  await service.quiet()
})

t.test('each copy is shown in the detail that it has', async t => {
  const service = await startService(t, { MAX_IMAGES: '1', IMAGE_MAX_TOKENS: '1280' })
  const photo =
    await sharp({ create: { width: 640, height: 640, channels: 3, background: 'teal' } }).jpeg().toBuffer()
  const content = [part(photo, { detail: 'low' }), part(photo), part(photo, { detail: 'low' })]
  const { answer } = await post(`${service.url}/v1/chat/completions`, {
    model, max_tokens: 3, messages: [{ role: 'user', content: [...content, { type: 'text', text: 'Hi' }] }]
  })
  const [first, second, third] = answer.sightline.images.map((receipt: any) => receipt.sent.width)
  t.ok(first < second, `${first} < ${second}`)
  t.equal(third, first)
  await service.quiet()
})
