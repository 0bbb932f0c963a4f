import { createHash, randomBytes } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { Readable } from 'node:stream'
import t, { type Test } from 'tap'
import type { UploadedFile } from '../../../services/chat/request.ts'
import type { Place } from '../../../services/json/place.ts'
import { CHAT_PLACES, COMPLETION_PLACES } from '../../../services/uploads/image-places.ts'
import { readJsonBody } from '../../../services/uploads/json-body.ts'
import type { UploadOptions } from '../../../services/uploads/upload.ts'
import { cutAt, cutEach } from '../json/parse.ts'
import { createUpload } from './uploading.ts'

const MAX_BYTES = 100_000

interface Reading {
  body: any
  /** Returns the bytes that were saved for a text of the body, or null if the text is no reference. */
  saved (text: string): Promise<Buffer | null>
}

/** Reads a body that arrives in pieces, passes it to `check`, and checks that nothing is left on the disk. */
async function read (
  t: Test, pieces: Buffer[], check: (reading: Reading) => unknown,
  { place = CHAT_PLACES, ...options }: Partial<UploadOptions> & { place?: Place } = {}
): Promise<void> {
  const dir = t.testdir()
  const { work, upload } = createUpload(dir, options)
  try {
    const source = Readable.from(pieces)
    const body = await work.run(() => readJsonBody(source, { upload, place, maxBytes: MAX_BYTES }, work.signal))
    await check({
      body,
      async saved (uri) {
        try {
          await upload.saveSources([{ field: 'images[0]', uri, remote: false }])
        } catch {
          return null
        }
        return readFileSync(upload.images[0]!.path)
      }
    })
  } finally {
    await work.end()
    t.same(readdirSync(dir), [], 'nothing is left')
  }
}

const bytesOf = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))
const PNG = 'data:image/png;base64,'
/** Longer than a piece that is collected. */
const image = randomBytes(30_011)
const uri = PNG + image.toString('base64')

t.test('an image is decoded wherever it is cut', async t => {
  const small = randomBytes(40)
  const body = bytesOf({ images: [PNG + small.toString('base64')] })
  for (let at = 0; at <= body.length; at++) {
    await read(t, cutAt(body, at), async ({ body, saved }) => {
      if (!(await saved(body.images[0]))?.equals(small)) t.fail(`cut at ${at}`)
    })
  }
  for (const length of [1, 2, 3, 5, 7, 1000, 8191, 8193, 20_000]) {
    await read(t, cutEach(bytesOf({ message: 'Hi', images: [uri, uri] }), length), async ({ body, saved }) => {
      t.ok((await saved(body.images[1]))?.equals(image), `pieces of ${length} bytes`)
      t.equal(body.message, 'Hi')
      t.not(body.images[0], body.images[1])
    })
  }
})

t.test('any number of bytes is decoded, in both alphabets, with and without padding', async t => {
  for (let length = 0; length < 70; length++) {
    const bytes = randomBytes(length)
    const base64 = bytes.toString('base64')
    const texts = [base64, base64.replaceAll('=', ''), bytes.toString('base64url')]
    await read(t, [bytesOf({ images: texts.map(it => PNG + it) })], async ({ body, saved }) => {
      for (const text of body.images) t.ok((await saved(text))?.equals(bytes), `${length} bytes`)
    })
  }
})

t.test('the head of a data URI may contain anything', async t => {
  for (const head of [
    'data:;base64,', 'data:image/svg+xml;base64,', 'data:text/html;charset=utf-8;base64,', 'DATA:IMAGE/PNG;BASE64,',
    'data:application/vnd.x-y.z;base64,', 'data:image/png;name=IMG_0001.png;x=1;base64,', 'data:image/*;base64,',
    ' data:image/png;base64,', '\ndata:image/png;base64,', 'data:image/png;name="ä ö.png";base64,',
    `data:image/${'x'.repeat(900)};base64,`
  ]) {
    await read(t, [bytesOf({ images: [`${head}SGk=`] })], async ({ body, saved }) => {
      t.equal((await saved(body.images[0]))?.toString(), 'Hi', head.slice(0, 60))
      t.ok(body.images[0].startsWith(head), 'the reference begins as the text did')
    })
  }
})

t.test('white space, escapes of JSON and percent-encoded characters are decoded', async t => {
  const base64 = image.toString('base64')
  const lines = base64.replace(/.{76}/g, '$&\r\n')
  const texts = {
    'line breaks': JSON.stringify(PNG + lines),
    'escaped slashes': JSON.stringify(PNG + base64).replaceAll('/', '\\/'),
    'escaped plus': JSON.stringify(PNG + base64).replaceAll('+', '\\u002b'),
    'percent-encoded': JSON.stringify(PNG + encodeURIComponent(base64)),
    'all at once': JSON.stringify(PNG + encodeURIComponent(lines)).replaceAll('A', '\\u0041'),
    'spaced out': JSON.stringify(PNG + [...base64].join(' '))
  }
  for (const [name, text] of Object.entries(texts)) {
    for (const length of [7, 5000, 1_000_000]) {
      await read(t, cutEach(bytesOf(`{"images":[${text}]}`), length), async ({ body, saved }) => {
        t.ok((await saved(body.images[0]))?.equals(image), `${name} in pieces of ${length} bytes`)
      })
    }
  }
})

t.test('base64 alone is an image where an image belongs', async t => {
  const place = COMPLETION_PLACES
  const base64 = image.toString('base64')
  const content = [
    base64, { type: 'image', source: { type: 'base64', media_type: 'image/png', data: base64 } },
    { type: 'image_url', image_url: base64 }, { type: 'text', text: base64 }
  ]
  await read(t, [bytesOf({ messages: [{ role: 'user', content }, { images: [base64] }] })], async ({ body, saved }) => {
    const { messages: [{ content: [alone, { source }, part, text] }, { images }] } = body
    t.equal(alone, base64, 'a string among the parts is text')
    t.equal(text.text, base64)
    for (const reference of [source.data, part.image_url, images[0]]) t.ok((await saved(reference))?.equals(image))
  }, { place })
  const lines = base64.replace(/.{20}/g, '$&\r\n')
  await read(t, [bytesOf({ images: [lines] })], async ({ body, saved }) =>
    t.ok((await saved(body.images[0]))?.equals(image), 'in short lines'))
  const short = ['SGk=', '/etc/passwd', 'https://example.com/a.png', 'x'.repeat(47), `sha256:${'a'.repeat(64)}`]
  await read(t, [bytesOf({ images: short })], ({ body }) => t.same(body.images, short))
})

t.test('strings at other places are text, whatever they look like', async t => {
  const short = `${PNG}SGk=`
  const body = {
    model: short,
    images: [short],
    metadata: { image_url: short, images: [short] },
    messages: [
      short,
      { role: 'system', content: short, name: short },
      { role: 'user', content: [{ type: 'text', text: short }, { type: 'x', url: { text: short } }, [short]] },
      { role: 'assistant', tool_calls: [{ function: { name: 'a', arguments: short, url: short } }] },
      { role: 'tool', content: short, tool_call_id: short, url: short }
    ],
    tools: [{ function: { parameters: { url: short, image: short, data: short, enum: [short] } } }]
  }
  await read(t, cutEach(bytesOf(body), 50), ({ body: got }) => t.same(got, body), { place: COMPLETION_PLACES })
  for (const chat of [
    { message: uri, history: [{ images: [uri] }] }, { images: uri, history_images: { url: uri } }, [uri]
  ]) {
    await read(t, cutEach(bytesOf(chat), 9_000), ({ body }) => t.same(body, chat))
  }
})

t.test('all shapes of images in messages are found', async t => {
  const content: unknown[] = [
    uri, { type: 'image_url', image_url: { url: uri } }, { type: 'input_image', image_url: uri },
    { type: 'image', image: uri }, { type: 'image', source: { type: 'base64', media_type: 'image/png', data: uri } },
    { type: 'file', file: { file_data: uri } }, { type: 'tool_result', content: [{ type: 'image', image: uri }] },
    { type: 'image', image: { url: uri } }, { '__proto\\': 1, image: uri, constructor: { url: uri } }
  ]
  const body = { messages: [{ content }, { role: 'user', content: 'Hi', images: [uri, { image_url: { url: uri } }] }] }
  await read(t, cutEach(bytesOf(body), 65_536), async ({ body, saved }) => {
    const texts = JSON.stringify(body).match(/data:[^"]*/g)!
    t.equal(texts.length, 12)
    for (const text of texts) t.ok((await saved(text))?.equals(image))
  }, { place: COMPLETION_PLACES, maxImages: 12 })
})

t.test('other texts at the place of an image stay as they are', async t => {
  const texts = [
    '', 'http://example.com/cat.png', 'file:///etc/passwd', 'data:image/png,SGk=', 'data:image/png;charset=utf-8,SGk=',
    'data:image/png;base64', 'data:image/png;base64SGk=', 'xdata:image/png;base64,SGk=', 'data:image/png;base64 ,SGk=',
    `data:image/${'x'.repeat(1000)};base64,SGk=`, `data:${'a'.repeat(20_000)}`, '中文 \u0000 \ud800', 'é'.repeat(9000)
  ]
  for (const text of texts) {
    for (const pieces of [[bytesOf({ images: [text] })], cutEach(bytesOf({ images: [text] }), 8191)]) {
      await read(t, pieces, ({ body }) => t.same(body.images, [text]))
    }
  }
  await read(t, [bytesOf({ images: [null, 5, true, {}, [PNG]] })], ({ body }) =>
    t.same(body.images, [null, 5, true, {}, [PNG]]))
})

t.test('faults name the image', async t => {
  const { length } = uri
  for (const [name, text, fault] of [
    ['other characters', JSON.stringify(`${PNG}SGk*`), 'contains characters that are not base64'],
    ['three signs of padding', JSON.stringify(`${PNG}SGk===`), 'contains characters that are not base64'],
    ['digits after padding', JSON.stringify(`${PNG}SGk=,SGk=`), 'contains characters that are not base64'],
    ['padding inside', JSON.stringify(`${PNG}S=Gk`), 'contains characters that are not base64'],
    ['wide characters', JSON.stringify(`${PNG}中文ŁŁ`), 'contains characters that are not base64'],
    ['escaped wide characters', `"${PNG}\\u0141AAA"`, 'contains characters that are not base64'],
    ['a half percent escape', JSON.stringify(`${PNG}SGk%3`), 'contains characters that are not base64'],
    ['an escaped zero', JSON.stringify(`${PNG}SGk=\0`), 'contains characters that are not base64'],
    ['one digit too many', JSON.stringify(`${PNG}SGkaS`), 'is truncated: base64 never has this length'],
    [
      'a late character', JSON.stringify(`${uri.slice(0, length - 100)}!${uri.slice(length - 100)}`),
      'contains characters that are not base64'
    ],
    ['late padding', JSON.stringify(`${uri}=${uri.slice(-100)}`), 'contains characters that are not base64']
  ] as const) {
    for (const pieceBytes of [13, 4000, 1_000_000]) {
      const body = cutEach(bytesOf(`{"images":["${uri}",${text}]}`), pieceBytes)
      await t.rejects(read(t, body, () => {}), {
        code: 'INVALID_FIELD', message: `Field "images[1]" ${fault}`, details: { field: 'images[1]' }
      }, `${name}, ${pieceBytes} bytes`)
    }
  }
})

t.test('a string that is not JSON is refused with its position', async t => {
  const start = `{"images":["${uri}`
  for (const [name, rest, message] of [
    ['a line break', '\nAAAA"]}', /a string has a control character at byte 40\d\d\d \(line 1\)/],
    ['an escape', '\\xAAAA"]}', /a string has an invalid escape at byte 40\d\d\d/],
    ['half an escape at the end', '\\u12"]}', /a string has an invalid escape at byte 40\d\d\d/],
    ['no end', '', /it ends too early at byte 40\d\d\d/],
    ['a missing bracket', '"', /it ends too early/],
    ['no comma', '" 1', /a comma or \] is expected at byte 40\d\d\d/]
  ] as const) {
    for (const length of [100, 65_536]) {
      await t.rejects(
        read(t, cutEach(bytesOf(start + rest), length), () => {}), { code: 'INVALID_JSON', message }, name
      )
    }
  }
})

t.test('limits act while the body arrives', async t => {
  const endless = function * (start: string, piece: string): Generator<Buffer> {
    yield Buffer.from(start)
    for (let sent = 0; sent < 50_000_000; sent += piece.length) yield Buffer.from(piece)
    t.fail('it is refused long before its end')
  }
  const refused = async (pieces: Iterable<Buffer>, error: { code: string, message?: string, details?: object }) =>
    await t.rejects(read(t, pieces as Buffer[], () => {}), error)
  const piece = 'A'.repeat(60_000)
  await refused(endless(`{"images":["${PNG}SGk=","${PNG}`, piece), {
    code: 'FILE_TOO_LARGE',
    message: 'images[1] is larger than 1 MB',
    details: { field: 'images[1]', image: 1, limit_mb: 1 }
  })
  await refused(endless(`{"images":["${PNG}`, '\\n'.repeat(30_000)), { code: 'FILE_TOO_LARGE' })
  await refused(endless(`{"images":["${PNG}`, '\\u0041'.repeat(10_000)), { code: 'FILE_TOO_LARGE' })
  const tooLarge = { code: 'BODY_TOO_LARGE', details: { limit_mb: MAX_BYTES / 2 ** 20 } }
  await refused(endless('{"images":["data:', piece), tooLarge)
  await refused(endless('{"message":"', piece), tooLarge)
  await refused(endless('{"images":[', `"${PNG}SGk=",`), { code: 'TOO_MANY_COPIES', details: { limit: 128 } })
  await refused(endless('', ' '.repeat(1000)), tooLarge)
  const most = bytesOf(`{"images":["${PNG}${Buffer.alloc(1024 * 1024).toString('base64')}"]}`)
  await read(t, cutEach(most, 65_536), async ({ body, saved }) => {
    t.equal((await saved(body.images[0]))?.length, 1024 * 1024, 'an image at the limit')
  })
})

t.test('an image is passed on as soon as it is complete', async t => {
  const files: UploadedFile[] = []
  const other = `${PNG}${Buffer.concat([image, Buffer.from([0])]).toString('base64')}`
  const body = bytesOf({ images: [uri, other, uri], message: 'Hi' })
  const half = body.indexOf('","')
  let arrived!: () => void
  const first = new Promise<void>(resolve => { arrived = resolve })
  async function * pieces () {
    yield body.subarray(0, half + 1)
    await first
    t.equal(files.length, 1)
    yield body.subarray(half + 1)
  }
  await read(t, pieces() as never, () => t.equal(files.length, 2, 'not the copy'), {
    async onSaved (file) {
      files.push(file)
      arrived()
    }
  })
  const id = `sha256:${createHash('sha256').update(image).digest('hex')}`
  t.match(files, [{ field: 'images[0]', label: 'images[0]', id, bytes: image.length }, { field: 'images[1]' }])
})

t.test('an abort ends the reading at once and leaves nothing', async t => {
  for (const start of [`{"images":["${uri}`, `{"images":["${uri}",`, '{"message":"', '']) {
    const dir = t.testdir()
    const { work, upload } = createUpload(dir)
    const source = new Readable({ read () {} })
    source.push(start === '' ? null : start)
    const reading = work.run(() =>
      readJsonBody(source, { upload, place: CHAT_PLACES, maxBytes: MAX_BYTES }, work.signal))
    const outcome = t.rejects(reading, start === '' ? { code: 'INVALID_JSON', message: /empty/ } : /gone/)
    await new Promise(resolve => setTimeout(resolve, 20))
    if (start !== '') work.abort(new Error('gone'))
    await outcome
    await work.end()
    t.same(readdirSync(path.join(dir)), [])
    if (start !== '') t.notOk(source.destroyed, 'the rest of the body can be discarded')
    t.same([source.listenerCount('data'), source.listenerCount('readable')], [0, 0])
  }
})
