import { createHash } from 'node:crypto'
import { crc32, deflateSync } from 'node:zlib'
import sharp from 'sharp'
import t, { type Test } from 'tap'
import {
  ask, askStream, createForm, createTestEngine, drawShape, startService, type TestService, type Upload
} from '../helper.ts'
import { connectRaw, formHead } from '../raw-client.ts'

const image = await drawShape('circle', 'red', 'white')
const photo = await sharp({
  create: {
    width: 400, height: 300, channels: 3, background: 'teal', noise: { type: 'gaussian', mean: 120, sigma: 40 }
  }
}).jpeg().toBuffer()
const UNKNOWN_ID = `sha256:${'0'.repeat(64)}`

const engine = await createTestEngine(t, { contextSize: 1024 })
const service = await startService(
  t, { CONTEXT_SIZE: '1024', MAX_IMAGES: '3', MAX_FILE_SIZE_MB: '0.5', JSON_BODY_LIMIT_MB: '1' }, engine
)

interface Reply { status: number, headers: Headers, body: Record<string, unknown> & { error: string, code: string } }

/** The refusal is the one expected, tells nothing of the inside, and leaves nothing behind. */
async function refused (
  t: Test, reply: Reply, status: number, code: string, sentence: RegExp, of: TestService = service
): Promise<void> {
  t.equal(reply.status, status)
  t.equal(reply.body.code, code)
  t.match(reply.body.error, sentence)
  t.equal(reply.body.request_id, reply.headers.get('x-request-id'))
  // Whatever sentence names a field, the field is there for a program too.
  const named =
    /^Field "([^"]+)"/.exec(reply.body.error)?.[1] ?? /^((?:history_)?images\[\d\])/.exec(reply.body.error)?.[1]
  if (named !== undefined) t.equal(reply.body.field, named)
  t.notMatch(JSON.stringify(reply.body), /\/work|\/tmp|\/home|uploads\/|node_modules|\.ts:\d/, 'nothing of the inside')
  await of.quiet()
}

async function post (body: string | FormData | null, contentType?: string, path = '/api/chat'): Promise<Reply> {
  const response = await fetch(service.url + path, {
    method: 'POST', body, headers: contentType ? { 'content-type': contentType } : {}
  })
  return { status: response.status, headers: response.headers, body: await response.json() as Reply['body'] }
}

/** Sends a form byte by byte as it is given, or a request with a head of its own. */
async function postRaw (body: string, head = formHead('/api/chat', Buffer.byteLength(body))): Promise<Reply> {
  const client = await connectRaw(service.port)
  client.send(head + body)
  const [start, text] = (await client.until(/\r\n\r\n.*\}$/)).split('\r\n\r\n') as [string, string]
  client.socket.destroy()
  const [status, ...lines] = start.split('\r\n')
  const headers = lines.map(line => line.split(': ', 2) as [string, string])
  return { status: Number(status!.split(' ')[1]), headers: new Headers(headers), body: JSON.parse(text) }
}

/** A part of such a form. */
const part = (header: string, value: string) => `--sightline-test\r\n${header}\r\n\r\n${value}\r\n`
const fieldPart = (name: string, value: string, more = '') =>
  part(`Content-Disposition: form-data; name="${name}"${more}`, value)
const FORM_END = '--sightline-test--\r\n'

const postJson = (value: unknown) => post(JSON.stringify(value), 'application/json')

function pngClaiming (width: number, height: number): Buffer {
  const chunk = (type: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(type), data])
    const size = Buffer.alloc(4)
    size.writeUInt32BE(data.length)
    const sum = Buffer.alloc(4)
    sum.writeUInt32BE(crc32(body))
    return Buffer.concat([size, body, sum])
  }
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([8, 2, 0, 0, 0], 8)
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), chunk('IHDR', header), chunk('IDAT', deflateSync(Buffer.alloc(1000))),
    chunk('IEND', Buffer.alloc(0))
  ])
}

t.test('fields', async t => {
  const history = (value: unknown) =>
    ({ message: 'Hi', history: typeof value === 'string' ? value : JSON.stringify(value) })
  const cases: Array<[name: string, fields: Record<string, string | string[]>, status: number, code: string, sentence: RegExp]> = [
    ['no message', {}, 400, 'MESSAGE_REQUIRED', /"message" is required/],
    ['a blank message', { message: ' \n ' }, 400, 'MESSAGE_REQUIRED', /"message"/],
    [
      'a message of 32,001 characters', { message: 'x'.repeat(32_001) }, 400, 'MESSAGE_TOO_LONG',
      /32001 characters; the limit is 32000/
    ],
    [
      'a message of exactly 32,000 characters, which is not too many', { message: 'x'.repeat(32_000) }, 413,
      'PROMPT_TOO_LONG', /needs \d+ tokens; the context window has 1022/
    ],
    [
      'a message of 32,001 characters of two code units each', { message: '😀'.repeat(32_001) }, 400,
      'MESSAGE_TOO_LONG', /32001 characters/
    ],
    [
      'a message that does not fit the context', { message: 'red circle '.repeat(2900) }, 413, 'PROMPT_TOO_LONG',
      /needs \d+ tokens; the context window has 1022/
    ],
    ['two messages', { message: ['a', 'b'] }, 400, 'INVALID_FIELD', /"message" is given more than once/],
    ['an unknown field', { message: 'Hi', colour: 'red' }, 400, 'UNKNOWN_FIELD', /"colour"/],
    ['images as text', { message: 'Hi', images: 'data' }, 400, 'INVALID_FIELD', /"images" must be a file/],
    [
      'pictures of the history as text', { message: 'Hi', history_images: 'data' }, 400, 'INVALID_FIELD',
      /"history_images" must be a file/
    ],
    [
      'a response format that is not JSON', { message: 'Hi', response_format: '{' }, 400, 'INVALID_FIELD',
      /"response_format" is not valid JSON/
    ],
    [
      'a response format that is none', { message: 'Hi', response_format: '{"type":"xml"}' }, 400, 'INVALID_FIELD',
      /"response_format/
    ],
    [
      'a huge field', { message: 'Hi', system: 'x'.repeat(1024 * 1024 + 1) }, 413, 'FIELD_TOO_LARGE',
      /"system" is larger than 1048576 bytes/
    ],
    ['history that is not JSON', history('[{'), 400, 'INVALID_HISTORY', /"history" is not valid JSON/],
    ['history that is no list', history({ images: [] }), 400, 'INVALID_HISTORY', /must be a list/],
    [
      'a turn by itself, and a wrong one', history({ role: 'user' }), 400, 'INVALID_HISTORY',
      /turn 0 must have required properties content/
    ],
    ['a role that is not one', history([{ role: 'system', content: 'x' }]), 400, 'INVALID_HISTORY', /turn 0 role/],
    [
      'a turn without content', history([{ role: 'user', content: 'a' }, { role: 'assistant' }]), 400,
      'INVALID_HISTORY', /turn 1/
    ],
    [
      'an id that is none', history([{ role: 'user', content: 'a', images: ['../../etc/passwd'] }]), 400,
      'INVALID_HISTORY', /turn 0 images 0/
    ],
    [
      'pictures of an assistant', history([{ role: 'assistant', content: 'a', images: [UNKNOWN_ID] }]), 400,
      'INVALID_HISTORY', /turn 0: only turns of the user/
    ],
    [
      'more turns than are taken', history(Array.from({ length: 201 }, () => ({ role: 'user', content: 'a' }))), 400,
      'INVALID_HISTORY', /201 turns; the limit is 200/
    ],
    [
      'more pictures in a turn than are taken',
      history([{ role: 'user', content: 'a', images: Array.from({ length: 65 }, () => UNKNOWN_ID) }]), 400,
      'INVALID_HISTORY', /turn 0 images must not have more than 64/
    ],
    [
      'a picture that is not cached', history([{ role: 'user', content: 'a', images: [UNKNOWN_ID] }]), 410,
      'IMAGE_EXPIRED', new RegExp(UNKNOWN_ID)
    ]
  ]
  for (const [field, values] of Object.entries({
    max_tokens: ['0', '1.5', '200000', 'many'],
    temperature: ['-0.1', '2.1', 'warm', 'NaN', '0x1'],
    top_p: ['0', '1.1', 'Infinity'],
    top_k: ['-1', '1001', '1.5', 'few'],
    min_p: ['-0.1', '1.1', 'low'],
    repeat_penalty: ['0.4', '2.1', 'some'],
    seed: ['-1', '4294967296', '1e400', '1.5', 'lucky'],
    stop: ['["a","b","c","d","e"]', '[""]']
  })) {
    for (const value of values) {
      cases.push([
      `${field}=${value}`, { message: 'Hi', [field]: value }, 400, 'INVALID_FIELD',
      new RegExp(`^Field "${field}${value === '[""]' ? '\\[0\\]' : ''}" `)
      ])
    }
  }
  for (const [name, fields, status, code, sentence] of cases) {
    await t.test(name, async t => {
      await refused(t, await ask(service.url, fields), status, code, sentence)
      const stream = await askStream(service.url, fields)
      t.equal(stream.status, status, 'streamed as well, as a plain status')
      t.equal(stream.events[0]!.data.code, code)
      await service.quiet()
    })
  }
  const { body } = await ask(service.url, {
    message: 'Hi', history: JSON.stringify([{ role: 'user', content: 'a', images: [UNKNOWN_ID] }])
  })
  t.same(body.ids, [UNKNOWN_ID])
  await service.quiet()

  await t.test('a message of 32,000 characters of four bytes each', async t => {
    await refused(
      t, await ask(service.url, { message: '😀'.repeat(32_000) }), 413, 'PROMPT_TOO_LONG', /needs \d+ tokens/
    )
  })
})

t.test('pictures', async t => {
  const named = (data: Buffer | string, name: string): Upload => ({ data: Buffer.from(data), name })
  const cases: Array<[name: string, images: Array<Upload | Buffer>, status: number, code: string, sentence: RegExp]> = [
    ['too many', [image, image, image, image], 400, 'TOO_MANY_IMAGES', /More than 3/],
    [
      'too large a file', [image, named(Buffer.alloc(600 * 1024), 'big.jpg')], 413, 'FILE_TOO_LARGE',
      /images\[1\] \("big\.jpg"\) is larger than 0\.5 MB/
    ],
    ['an empty file', [named('', 'nothing.png')], 422, 'EMPTY_FILE', /images\[0\] \("nothing\.png"\) is empty/],
    [
      'a text file named .jpg', [image, named('hello there', 'note.jpg')], 415, 'UNSUPPORTED_IMAGE',
      /images\[1\] \("note\.jpg"\)/
    ],
    [
      'a truncated JPEG', [named(photo.subarray(0, photo.length / 2), 'half.jpg')], 422, 'CORRUPT_IMAGE',
      /images\[0\] \("half\.jpg"\) cannot be decoded/
    ],
    ['a truncated PNG', [named(image.subarray(0, image.length - 200), 'half.png')], 422, 'CORRUPT_IMAGE', /half\.png/],
    [
      'a PNG that claims 60000 x 60000', [named(pngClaiming(60_000, 60_000), 'bomb.png')], 422, 'IMAGE_TOO_MANY_PIXELS',
      /bomb\.png"\) has 60000 x 60000 pixels; the limit is 100000000/
    ],
    [
      'an SVG', [named('<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"/>', 'a.png')], 415,
      'UNSUPPORTED_IMAGE', /SVG/
    ],
    ['a PDF', [named('%PDF-1.7\n', 'a.png')], 415, 'UNSUPPORTED_IMAGE', /PDF/],
    ['a BMP', [
      named(Buffer.concat([Buffer.from('BM'), Buffer.alloc(12), Buffer.from([40, 0, 0, 0]), Buffer.alloc(60)]), 'a.bmp')
    ], 415, 'UNSUPPORTED_IMAGE', /BMP/],
    [
      'a thread of a picture',
      [await sharp({ create: { width: 4000, height: 2, channels: 3, background: 'red' } }).png().toBuffer()], 422,
      'IMAGE_TOO_NARROW', /4000 x 2/
    ],
    [
      'a hostile name', [named('x', '../../\u202e"evil"\u0000.png')], 415, 'UNSUPPORTED_IMAGE',
      /^images\[0\] \("[^/\u202e\0]*evil[^/\u202e\0]*"\) is a text file/
    ]
  ]
  for (const [name, images, status, code, sentence] of cases) {
    await t.test(name, async t => {
      await refused(t, await ask(service.url, { message: 'Hi' }, images), status, code, sentence)
      const { status: streamed, events } = await askStream(service.url, { message: 'Hi' }, images)
      // What shows only while an image is being decoded comes after `accepted`.
      if (streamed === 200) t.match(events.at(-1), { event: 'error', data: { code, error: sentence } })
      else t.equal(events[0]!.data.code, code)
      await service.quiet()
    })
  }

  await t.test('pictures of the history', async t => {
    const cases: Array<[images: Buffer[], historyImages: Array<Upload | Buffer>, status: number, code: string, sentence: RegExp]> = [
      [[image], [image], 400, 'INVALID_FIELD', /^Field "history_images\[0\]" must be an image that "history" names/],
      [
        [image], [named(Buffer.alloc(600 * 1024), 'big.jpg')], 413, 'FILE_TOO_LARGE',
        /^history_images\[0\] \("big\.jpg"\) is larger than 0\.5 MB/
      ],
      [[image, image], [image, image], 400, 'TOO_MANY_IMAGES', /More than 3/]
    ]
    for (const [images, historyImages, status, code, sentence] of cases) {
      await refused(t, await ask(service.url, { message: 'Hi' }, images, historyImages), status, code, sentence)
    }
    const half = photo.subarray(0, photo.length / 2)
    for (const [data, status, code, sentence] of [
      [Buffer.alloc(0), 422, 'EMPTY_FILE', /^history_images\[0\] \("0\.png"\) is empty/],
      [half, 422, 'CORRUPT_IMAGE', /^history_images\[0\] \("0\.png"\) cannot be decoded/],
      [Buffer.from('%PDF-1.7\n'), 415, 'UNSUPPORTED_IMAGE', /^history_images\[0\] \("0\.png"\)/]
    ] as const) {
      const id = `sha256:${createHash('sha256').update(data).digest('hex')}`
      const reply = await ask(
        service.url, { message: 'Hi', history: JSON.stringify([{ role: 'user', content: 'a', images: [id] }]) },
        [image], [data]
      )
      await refused(t, reply, status, code, sentence)
      t.equal(reply.body.image, 1, 'its receipt would have been the second')
    }
  })

  await t.test('a file in another field', async t => {
    const form = createForm({ message: 'Hi' })
    form.append('photo', new Blob([new Uint8Array(image)]), 'a.png')
    await refused(t, await post(form), 400, 'UNKNOWN_FIELD', /"photo"/)
  })

  await t.test('pictures that cannot fit even at their smallest', async t => {
    const small = await startService(t, { CONTEXT_SIZE: '512', IMAGE_MIN_TOKENS: '200', IMAGE_MAX_TOKENS: '300' })
    await refused(
      t, await ask(small.url, { message: 'Hi' }, [image, image, image]), 422, 'IMAGES_DO_NOT_FIT',
      /need at least \d{3} tokens, \d+ are left/, small
    )
  })
})

t.test('bodies', async t => {
  await t.test('a content type that is not taken', async t => {
    await refused(t, await post('hello', 'text/plain'), 415, 'UNSUPPORTED_MEDIA_TYPE', /text\/plain/)
    await refused(
      t, await post('message=Hi', 'application/x-www-form-urlencoded'), 415, 'UNSUPPORTED_MEDIA_TYPE', /urlencoded/
    )
  })
  await t.test('no body at all', async t => {
    await refused(t, await post(null), 400, 'INVALID_JSON', /must be an object/)
  })
  await t.test('a body of no type', async t => {
    const body = '{"message":"Hi"}'
    await refused(
      t, await postRaw(body, `POST /api/chat HTTP/1.1\r\nHost: test\r\nContent-Length: ${body.length}\r\n\r\n`), 415,
      'UNSUPPORTED_MEDIA_TYPE', /\(none\)/
    )
  })
  await t.test('broken JSON', async t => {
    await refused(t, await post('{"message":', 'application/json'), 400, 'INVALID_JSON', /JSON body is rejected/)
    await refused(t, await post('', 'application/json'), 400, 'INVALID_JSON', /empty/)
    await refused(t, await post('["Hi"]', 'application/json'), 400, 'INVALID_JSON', /must be an object/)
    await refused(
      t, await post('{"message":"Hi","__proto__":{"admin":true}}', 'application/json'), 400, 'INVALID_JSON', /__proto__/
    )
    await refused(
      t, await post('{"message":"Hi","constructor":{"prototype":{"admin":true}}}', 'application/json'), 400,
      'INVALID_JSON', /constructor/
    )
    await refused(
      t, await post('{"message":"Hi","toString":"x"}', 'application/json'), 400, 'UNKNOWN_FIELD', /"toString"/
    )
    t.notOk('admin' in {})
    await refused(t, await postJson({
      message: 'Hi', images: [`data:image/png;base64,${Buffer.alloc(600 * 1024).toString('base64')}`]
    }), 413, 'FILE_TOO_LARGE', /images\[0\] is larger than 0\.5 MB/)
    await refused(
      t, await postJson({ message: 'Hi', images: ['data:image/png;base64,'] }), 422, 'EMPTY_FILE',
      /images\[0\] is empty/
    )
    await refused(
      t, await postJson({ message: 'Hi', images: ['file:///etc/passwd'] }), 400, 'INVALID_FIELD',
      /"images\[0\]" must be a data URI/
    )
    await refused(
      t, await postJson({ message: 'Hi', max_tokens: null }), 400, 'INVALID_FIELD', /"max_tokens" must be integer/
    )
    await refused(t, await postJson({ message: 'Hi', history: [[]] }), 400, 'INVALID_HISTORY', /turn 0 must be object/)
    await refused(
      t, await postJson({ message: 'Hi', history_images: 'x' }), 400, 'INVALID_FIELD', /"history_images" must be a list/
    )
    await refused(
      t, await postJson({ message: 'Hi', history_images: ['https://example.com/a.png'] }), 400, 'INVALID_FIELD',
      /"history_images\[0\]" must be a data URI/
    )
    await refused(
      t, await postJson({ message: 'Hi', stop: ['a', 5] }), 400, 'INVALID_FIELD', /"stop\[1\]" must be string/
    )
    await refused(t, await postJson({ message: 5 }), 400, 'INVALID_FIELD', /"message" must be a string/)
    await refused(t, await postJson({ message: 'Hi', images: 'x' }), 400, 'INVALID_FIELD', /"images" must be a list/)
    await refused(
      t, await postJson({ message: 'Hi', images: ['https://example.com/a.png'] }), 400, 'INVALID_FIELD',
      /"images\[0\]" must be a data URI/
    )
    await refused(
      t, await postJson({ message: 'Hi', images: ['data:image/png;base64,###'] }), 400, 'INVALID_FIELD', /"images\[0\]"/
    )
    await refused(
      t, await postJson({ message: 'Hi', images: [`data:image/png;base64,${Buffer.from('text').toString('base64')}`] }),
      415, 'UNSUPPORTED_IMAGE', /images\[0\]/
    )
    await refused(t, await postJson({ message: 'x'.repeat(1024 * 1024) }), 413, 'BODY_TOO_LARGE', /larger than 1 MB/)
  })
  await t.test('broken forms', async t => {
    await refused(t, await post('x', 'multipart/form-data'), 400, 'INVALID_MULTIPART', /boundary/i)
    const client = await connectRaw(service.port)
    const body = '--sightline-test\r\nContent-Disposition: form-data; name="images"; filename="a.png"\r\n\r\nhalf'
    client.send(formHead('/api/chat', body.length) + body)
    t.match(await client.until(/"code":"[A-Z_]+"/), /^HTTP\/1\.1 400 [^]*INVALID_MULTIPART/)
    client.socket.destroy()
    await service.quiet()

    const hi = fieldPart('message', 'Hi')
    for (const cut of [
      '--sightline-test\r\nContent-Dispo', hi.slice(0, -2), `${hi}--sightline-test`,
      `${hi}--sightline-test\r\nContent-Dispo`, '--other--\r\n'
    ]) {
      await refused(t, await postRaw(cut), 400, 'INVALID_MULTIPART', /Unexpected end/)
    }
    for (const header of ['Content-Disposition: form-data', 'Content-Disposition: form-data; filename="a.png"']) {
      await refused(t, await postRaw(hi + part(header, 'x') + FORM_END), 400, 'INVALID_MULTIPART', /a part has no name/)
    }
    for (const name of ['__proto__', 'constructor']) {
      await refused(
        t, await postRaw(hi + fieldPart(name, 'x') + FORM_END), 400, 'INVALID_MULTIPART', /prototype property/
      )
    }
    await refused(
      t, await postRaw(hi + fieldPart('history', '[{"role"', '\r\nContent-Type: application/json') + FORM_END), 400,
      'INVALID_HISTORY', /"history" is not valid JSON/
    )
    await refused(t, await postRaw(FORM_END), 400, 'MESSAGE_REQUIRED', /"message"/)
    await refused(
      t, await postRaw(hi + fieldPart('stop', 'x').repeat(251) + FORM_END), 400, 'INVALID_MULTIPART',
      /more than 250 text fields/
    )
  })
  await t.test('places where nothing is', async t => {
    for (const [method, path] of [
      ['GET', '/api/chat'], ['GET', '/nothing?secret=1'], ['DELETE', '/api/status']
    ] as const) {
      const response = await fetch(service.url + path, { method })
      const { status, headers } = response
      const body = await response.json() as Reply['body']
      await refused(t, { status, headers, body }, 404, 'NOT_FOUND', /^Not found: /)
      t.equal(body.error, `Not found: ${method} ${path.split('?')[0]}`)
    }
    await refused(t, await postRaw('', 'GET /%zz HTTP/1.1\r\nHost: test\r\n\r\n'), 400, 'VALIDATION', /%zz/)
  })
})
