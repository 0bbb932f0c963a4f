import { randomBytes } from 'node:crypto'
import { readdirSync } from 'node:fs'
import path from 'node:path'
import sharp from 'sharp'
import t from 'tap'
import { jsonHead } from '../clients/clients.ts'
import { ask, createTestEngine, drawShape, startService, type TestService } from '../helper.ts'
import { connectRaw, type RawClient } from '../raw-client.ts'
import { until } from '../server-process.ts'

const engine = await createTestEngine(t)
const { model } = engine.info()
const MB = 1024 * 1024
const RED = 'A red circle on a white background.'
const red = await drawShape('circle', 'red', 'white')
const blue = await drawShape('square', 'blue', 'yellow')
const uriOf = (image: Buffer, type = 'image/png') => `data:${type};base64,${image.toString('base64')}`

/** Both dialects: the body of a question, the field of its second image, and the text or the fault of an answer. */
const DIALECTS = [
  {
    path: '/api/chat',
    bodyOf: (uris: string[], message = 'What is in the picture?') => ({ message, images: uris }),
    second: 'images[1]',
    textOf: (answer: any) => answer.response,
    faultOf: (answer: any) => ({ code: answer.code, sentence: answer.error, field: answer.field })
  },
  {
    path: '/v1/chat/completions',
    bodyOf (uris: string[], text = 'What is in the picture?') {
      const images: object[] = uris.map(url => ({ type: 'image_url', image_url: { url } }))
      return { model, messages: [{ role: 'user', content: [...images, { type: 'text', text }] }] }
    },
    second: 'messages[0].content[1].image_url.url',
    textOf: (answer: any) => answer.choices[0].message.content,
    faultOf: ({ error }: any) => ({ code: error.code, sentence: error.message, field: error.param })
  }
] as const
type Dialect = typeof DIALECTS[number]

async function post (service: TestService, { path }: Dialect, body: object | string, headers = {}) {
  const response = await fetch(service.url + path, {
    method: 'POST',
    body: typeof body === 'string' ? body : JSON.stringify(body),
    headers: { 'content-type': 'application/json', ...headers }
  })
  return { status: response.status, answer: await response.json() as any }
}

/** Sends the head of a request and the first part of its body, which is said to be longer. */
async function begin (service: TestService, { path }: Dialect, start: string, more = 1_000_000): Promise<RawClient> {
  const client = await connectRaw(service.port)
  client.send(jsonHead(path, `Content-Length: ${Buffer.byteLength(start) + more}\r\n`) + start)
  return client
}

/** The JSON of an answer that arrives before the end of the body. */
async function earlyAnswer (client: RawClient): Promise<{ status: number, answer: any }> {
  const [head, body] = (await client.until(/\r\n\r\n\{.*\}$/)).split('\r\n\r\n') as [string, string]
  return { status: Number(head.split(' ')[1]), answer: JSON.parse(body) }
}

/** Names of the files of running requests. */
const filesOf = ({ config, leftovers }: TestService) =>
  leftovers().flatMap(folder => readdirSync(path.join(config.uploadDir, folder)))

/** The part of a body before the end of its second image. */
const untilSecondImage = ({ bodyOf }: Dialect, first: Buffer, second: Buffer) => {
  const body = JSON.stringify(bodyOf([uriOf(first), uriOf(second)]))
  return body.slice(0, body.lastIndexOf(uriOf(second)) + uriOf(second).length)
}

t.test('three photos of 4.4 MB in a JSON body', async t => {
  const service = await startService(t, {}, engine)
  const size = { width: 2300, height: 1700, channels: 3 as const }
  const pixels = randomBytes(size.width * size.height * size.channels)
  const photo = await sharp(pixels, { raw: size }).jpeg({ quality: 98 }).toBuffer()
  t.ok(photo.length > 4.4 * MB, `${(photo.length / MB).toFixed(1)} MB`)
  for (const dialect of DIALECTS) {
    const photos = [1, 2, 3].map(byte => uriOf(Buffer.concat([photo, Buffer.of(byte)]), 'image/jpeg'))
    const { status, answer } = await post(service, dialect, dialect.bodyOf(photos, 'Describe the images.'))
    t.equal(status, 200, dialect.path)
    t.ok(dialect.textOf(answer).length > 0)
  }
  await service.quiet()
})

t.test('a body in small pieces gets the same answer as a form', async t => {
  const service = await startService(t, {}, engine)
  const question = 'Describe the images.'
  const { body: { response } } = await ask(service.url, { message: question }, [red, blue])
  for (const dialect of DIALECTS) {
    const body = JSON.stringify(dialect.bodyOf([uriOf(red), uriOf(blue)], question), null, '\t').replaceAll('/', '\\/')
    for (const length of [100, 1000]) {
      const client = await connectRaw(service.port)
      client.send(jsonHead(dialect.path, 'Transfer-Encoding: chunked\r\n'))
      for (let at = 0; at < body.length; at += length) {
        const piece = body.slice(at, at + length)
        client.send(`${piece.length.toString(16)}\r\n${piece}\r\n`)
        if (at % 7000 === 0) await new Promise(resolve => setImmediate(resolve))
      }
      client.send('0\r\n\r\n')
      const { status, answer } = await earlyAnswer(client)
      t.same([status, dialect.textOf(answer)], [200, response], dialect.path)
      client.socket.destroy()
    }
  }
  await service.quiet()
})

t.test('faults of an image are answered before the end of the body', async t => {
  const service = await startService(t, { MAX_FILE_SIZE_MB: '0.1', MAX_IMAGES: '2' }, engine)
  const large = Buffer.alloc(200_000, 'Sightline')
  const three = [1, 2, 3].map(it => uriOf(Buffer.concat([red, Buffer.from([it])])))
  const cases = (dialect: Dialect) => [
    {
      name: 'a late character that is not base64',
      start: `${untilSecondImage(dialect, red, large.subarray(0, 60_000))}*`.padEnd(100_000, 'A'),
      status: 400,
      fault: { code: 'INVALID_FIELD', sentence: /not base64/, field: dialect.second }
    },
    {
      name: 'an image that is too large',
      start: untilSecondImage(dialect, red, large).slice(0, -100),
      status: 413,
      fault: { code: 'FILE_TOO_LARGE', sentence: `${dialect.second} is larger than 0.1 MB`, field: dialect.second }
    },
    {
      name: 'too many images',
      start: JSON.stringify(dialect.bodyOf(three)).slice(0, -1),
      status: 400,
      fault: { code: 'TOO_MANY_IMAGES', sentence: /more than 2 different images/ }
    },
    {
      name: 'a line break inside an image',
      start: `${untilSecondImage(dialect, red, red)}\n`.padEnd(100_000, 'A'),
      status: 400,
      fault: { code: 'INVALID_JSON', sentence: /rejected: a string has a control character at byte \d+ \(line 1\)$/ }
    },
    {
      name: 'a colon in place of a comma',
      start: `${untilSecondImage(dialect, red, red)}":`,
      status: 400,
      fault: { code: 'INVALID_JSON', sentence: /a comma or [\]}] is expected at byte \d+ \(line 1\)$/ }
    }
  ]
  for (const dialect of DIALECTS) {
    for (const { name, start, status, fault } of cases(dialect)) {
      const client = await begin(service, dialect, start)
      const reply = await earlyAnswer(client)
      t.equal(reply.status, status, `${dialect.path}: ${name}`)
      t.match(dialect.faultOf(reply.answer), fault, name)
      await service.quiet()
      t.equal(client.socket.readyState, 'open', 'the rest is discarded')
      client.socket.destroy()
    }
  }
})

t.test('a client that leaves in the middle of an image leaves nothing', async t => {
  const service = await startService(t, { MAX_CONCURRENT_REQUESTS: '1' }, engine)
  for (const dialect of DIALECTS) {
    for (const end of ['destroy', 'end', 'resetAndDestroy'] as const) {
      const client = await begin(service, dialect, untilSecondImage(dialect, red, Buffer.alloc(300_000)))
      await until(() => filesOf(service).includes('1.upload'))
      client.socket[end]()
      await client.closed
      await service.quiet()
    }
  }
})

t.test('a slow sender loses its slot, and its images are removed', async t => {
  const service = await startService(t, { UPLOAD_TIMEOUT: '0.5', MAX_CONCURRENT_REQUESTS: '1' }, engine)
  for (const dialect of DIALECTS) {
    const client = await begin(service, dialect, untilSecondImage(dialect, red, Buffer.alloc(300_000)))
    const { status, answer } = await earlyAnswer(client)
    t.same([status, dialect.faultOf(answer).code], [408, 'UPLOAD_TIMEOUT'])
    await service.quiet()
    client.socket.destroy()
  }
})

t.test('an image is prepared while the rest of the body is arriving', async t => {
  const service = await startService(t, {}, engine)
  // The engine could not read an image of this size without preparation.
  const odd = await drawShape('circle', 'red', 'white', 150)
  for (const [index, dialect] of DIALECTS.entries()) {
    const body = JSON.stringify(dialect.bodyOf([uriOf(Buffer.concat([odd, Buffer.of(index)])), uriOf(blue)]))
    const cut = body.lastIndexOf('data:') + 100
    const client = await begin(service, dialect, body.slice(0, cut), body.length - cut)
    await until(() => filesOf(service).includes('0_compressed.png'))
    client.send(body.slice(cut))
    t.equal((await earlyAnswer(client)).status, 200, dialect.path)
    client.socket.destroy()
  }
  await service.quiet()
})

t.test('text that looks like an image is text', async t => {
  const service = await startService(t, {}, engine)
  const [chat, completions] = DIALECTS
  const uri = uriOf(red)
  const asked = await post(service, chat, { message: `What is in the picture? ${uri.slice(0, 60)}`, images: [uri] })
  t.equal(asked.status, 200)
  const completion = completions.bodyOf([uri])
  completion.messages[0]!.content.push({ type: 'text', text: uri.slice(0, 60) })
  t.equal((await post(service, completions, completion)).status, 200)
  const forged = 'data:image/png;base64,{00000000-0000-4000-8000-000000000000}'
  const refused = await post(service, chat, { message: 'Hi', images: [forged] })
  t.match(refused, { status: 400, answer: { code: 'INVALID_FIELD', field: 'images[0]' } })
  await service.quiet()
})

t.test('base64 alone, and heads of data URIs that are unusual', async t => {
  const service = await startService(t, {}, engine)
  for (const dialect of DIALECTS) {
    for (const uri of [
      red.toString('base64'), uriOf(red).replace('image/png', 'image/*;name=IMG_0001.png;charset=utf-8'),
      ` ${uriOf(red)}`, `data:;base64,${encodeURIComponent(red.toString('base64'))}`
    ]) {
      const { status, answer } = await post(service, dialect, dialect.bodyOf([uri]))
      t.same([status, status === 200 && dialect.textOf(answer)], [200, RED], uri.slice(0, 40))
    }
  }
  await service.quiet()
})

t.test('compressed bodies are refused before they are read, with the name of the encoding', async t => {
  const service = await startService(t, {}, engine)
  for (const dialect of DIALECTS) {
    for (const encoding of ['gzip', 'br', 'deflate, gzip', 'Zstd']) {
      const { status, answer } =
        await post(service, dialect, '{}', { 'content-encoding': encoding, 'accept-language': 'en' })
      t.equal(status, 415)
      t.match(dialect.faultOf(answer), {
        code: 'UNSUPPORTED_ENCODING',
        sentence: `Content-Encoding ${encoding} is not supported; send the body uncompressed`
      })
    }
    const plain = await post(service, dialect, dialect.bodyOf([uriOf(red)]), { 'content-encoding': 'Identity' })
    t.equal(plain.status, 200)
    const client = await connectRaw(service.port)
    client.send(jsonHead(dialect.path, 'Content-Encoding: gzip\r\nExpect: 100-continue\r\nContent-Length: 100\r\n'))
    t.match(await client.until(/"code":"[A-Z_]+"/), /^HTTP\/1\.1 415 [^]*UNSUPPORTED_ENCODING/, 'without 100 Continue')
    client.socket.destroy()
  }
  const form = await fetch(`${service.url}/api/chat`, {
    method: 'POST',
    body: 'x',
    headers: { 'content-type': 'multipart/form-data; boundary=x', 'content-encoding': 'gzip' }
  })
  t.equal(form.status, 415)
  await service.quiet()
})

t.test('invalid JSON is refused with its position', async t => {
  const service = await startService(t, {}, engine)
  for (const dialect of DIALECTS) {
    const { status, answer } = await post(service, dialect, '{\n"message": "Hi",\n}')
    t.equal(status, 400)
    t.equal(
      dialect.faultOf(answer).sentence,
      'The JSON body is rejected: a name in double quotes is expected at byte 19 (line 3)'
    )
    const chinese = await post(service, dialect, '{"message": tru}', { 'accept-language': 'zh' })
    t.equal(dialect.faultOf(chinese.answer).sentence, '请求体的 JSON 被拒绝：第 12 字节（第 1 行）处有无效的数字或单词')
  }
  t.match((await post(service, DIALECTS[0], '[1,]')).answer, { code: 'INVALID_JSON', position: 3 })
  await service.quiet()
})
