import t from 'tap'
import { jsonHead } from '../clients/clients.ts'
import { ask, createTestEngine, drawShape, startService } from '../helper.ts'
import { connectRaw, formBody, formHead, type RawClient } from '../raw-client.ts'
import { until } from '../server-process.ts'

const COMPLETIONS = '/v1/chat/completions'
const QUESTION = 'Describe the images.'
/** More tokens than `detail: 'low'` allows. */
const LIMITS = { imageMaxTokens: 400, threads: 1 }
const engine = await createTestEngine(t, LIMITS)
const reference = await createTestEngine(t, LIMITS)
const { model } = engine.info()
const service = await startService(t, { MAX_CONCURRENT_REQUESTS: '1' }, engine)
/** The same service without early encoding. */
const late = await startService(t, {}, { ...reference, encodeEarly: undefined })
const red = await drawShape('circle', 'red', 'white', 150)
const blue = await drawShape('square', 'blue', 'yellow', 150)
let copies = 0
/** The same pixels with another id: decoders ignore bytes after the end of an image. */
const fresh = (image: Buffer) => Buffer.concat([image, Buffer.from(String(copies++))])
const uriOf = (image: Buffer) => `data:image/png;base64,${image.toString('base64')}`

/** A request. `second`: a part of the body that begins its second image. */
interface Wire { head: string, body: Buffer, second: Buffer }

const json = (path: string, body: object, images: Buffer[]): Wire => {
  const bytes = Buffer.from(JSON.stringify(body))
  return {
    head: jsonHead(path, `Content-Length: ${bytes.length}\r\n`),
    body: bytes,
    second: Buffer.from(images[1]!.toString('base64'))
  }
}

/** The ways in which images arrive with their request. */
const WAYS: Array<{ name: string, wireOf (images: Buffer[]): Wire }> = [
  {
    name: 'a form',
    wireOf (images) {
      const body = formBody(QUESTION, images)
      return { head: formHead('/api/chat', body.length), body, second: images[1]! }
    }
  },
  {
    name: 'JSON',
    wireOf: images => json('/api/chat', { message: QUESTION, images: images.map(uriOf) }, images)
  },
  {
    name: 'a completion',
    wireOf (images) {
      const content = images.map(image => ({ type: 'image_url', image_url: { url: uriOf(image) } }))
      const messages = [{ role: 'user', content: [...content, { type: 'text', text: QUESTION }] }]
      return json(COMPLETIONS, { model, messages }, images)
    }
  }
]

/** Sends a request up to the middle of its second image, and waits until the engine has encoded the first. */
async function sendHalf ({ head, body, second }: Wire): Promise<{ client: RawClient, rest: Buffer }> {
  const { images } = engine.info().caches
  const cut = body.indexOf(second) + 100
  const client = await connectRaw(service.port)
  client.send(head)
  client.send(body.subarray(0, cut))
  await until(() => engine.info().caches.images === images + 1)
  return { client, rest: body.subarray(cut) }
}

async function answerOf (client: RawClient): Promise<any> {
  const text = await client.until(/\r\n\r\n\{.*\}$/)
  client.socket.destroy()
  return JSON.parse(text.split('\r\n\r\n')[1]!)
}

t.test('an image is encoded while the next one is arriving, and the answer is the same as without that', async t => {
  for (const { name, wireOf } of WAYS) {
    const images = [fresh(red), fresh(blue)]
    const { client, rest } = await sendHalf(wireOf(images))
    client.send(rest)
    const answer = await answerOf(client)
    const { body: expected } = await ask(late.url, { message: QUESTION }, images)
    t.equal(answer.response ?? answer.choices[0].message.content, expected.response, name)
    if (answer.images) {
      t.same(answer.images, expected.images)
      t.same(answer.usage, expected.usage)
      t.same(answer.images.map((image: any) => image.cached), [false, false], 'they were encoded for this request')
    }
    const again = await ask(service.url, { message: QUESTION }, images)
    t.same([again.body.response, again.body.images.map(({ cached }) => cached)], [expected.response, [true, true]])
  }
  await service.quiet()
})

t.test('a client that leaves after an image was encoded leaves no file, and the image counts as cached', async t => {
  for (const { name, wireOf } of WAYS) {
    const images = [fresh(red), fresh(blue)]
    const { client } = await sendHalf(wireOf(images))
    client.socket.destroy()
    await service.quiet()
    const { status, body } = await ask(service.url, { message: QUESTION }, images)
    t.same([status, body.images.map(({ cached }) => cached)], [200, [true, false]], name)
  }
})

t.test('a request that is refused after an image was encoded leaves nothing', async t => {
  const images = [fresh(red), fresh(blue)]
  const { client, rest } = await sendHalf(json('/api/chat', { message: 7, images: images.map(uriOf) }, images))
  client.send(rest)
  t.match(await answerOf(client), { code: 'INVALID_FIELD' })
  await service.quiet()
  t.match(await ask(service.url, { message: QUESTION }, images), { status: 200 })
})

t.test('an image that the plan makes smaller is encoded again in that size', async t => {
  const images = [fresh(await drawShape('circle', 'red', 'white', 840)), fresh(blue)]
  const content = images.map(image => ({ type: 'image_url', image_url: { url: uriOf(image), detail: 'low' } }))
  const body = { model, messages: [{ role: 'user', content: [...content, { type: 'text', text: QUESTION }] }] }
  const { client, rest } = await sendHalf(json(COMPLETIONS, body, images))
  client.send(rest)
  const answer = await answerOf(client)
  const headers = { 'content-type': 'application/json' }
  const response = await fetch(late.url + COMPLETIONS, { method: 'POST', body: JSON.stringify(body), headers })
  const expected = await response.json() as any
  t.match(answer.sightline.images[0], { sent: { width: 504, height: 504 }, cached: false })
  t.same(answer.sightline.images, expected.sightline.images)
  t.equal(answer.choices[0].message.content, expected.choices[0].message.content)
  await service.quiet()
})
