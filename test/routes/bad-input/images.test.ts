import { createHash } from 'node:crypto'
import { crc32, deflateSync } from 'node:zlib'
import sharp from 'sharp'
import t from 'tap'
import { ask, askStream, createForm, drawShape, startService, type Upload } from '../../helper.ts'
import { post, refused, service } from './refusals.ts'

const image = await drawShape('circle', 'red', 'white')
const photo = await sharp({
  create: {
    width: 400, height: 300, channels: 3, background: 'teal', noise: { type: 'gaussian', mean: 120, sigma: 40 }
  }
}).jpeg().toBuffer()

/** A small file, different for each name. */
const coloured = (name: string) => Buffer.concat([image, Buffer.from(name)])

/** A PNG whose header claims a size that its data does not have. */
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

const named = (data: Buffer | string, name: string): Upload => ({ data: Buffer.from(data), name })
const cases: Array<[name: string, images: Array<Upload | Buffer>, status: number, code: string, sentence: RegExp]> = [
  [
    'too many images', ['blue', 'green', 'red', 'teal'].map(coloured), 400, 'TOO_MANY_IMAGES',
    /has more than 3 different images \(MAX_IMAGES\); name images of earlier turns by their ids/
  ],
  [
    'a file that is too large', [image, named(Buffer.alloc(600 * 1024), 'big.jpg')], 413, 'FILE_TOO_LARGE',
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
    'an image of extreme proportions',
    [await sharp({ create: { width: 4000, height: 2, channels: 3, background: 'red' } }).png().toBuffer()], 422,
    'IMAGE_TOO_NARROW', /4000 x 2/
  ],
  [
    'a hostile name', [named('x', '../../\u202e"evil"\u0000.png')], 415, 'UNSUPPORTED_IMAGE',
    /^images\[0\] \("[^/\u202e\0]*evil[^/\u202e\0]*"\) is a text file/
  ]
]

for (const [name, images, status, code, sentence] of cases) {
  t.test(name, async t => {
    await refused(t, await ask(service.url, { message: 'Hi' }, images), status, code, sentence)
    const { status: streamed, events } = await askStream(service.url, { message: 'Hi' }, images)
    // Faults that appear only during decoding follow the `accepted` event.
    if (streamed === 200) t.match(events.at(-1), { event: 'error', data: { code, error: sentence } })
    else t.equal(events[0]!.data.code, code)
    await service.quiet()
  })
}

t.test('images of the history', async t => {
  const cases: Array<[
    images: Buffer[], historyImages: Array<Upload | Buffer>, status: number, code: string, sentence: RegExp
  ]> = [
    [[image], [image], 400, 'INVALID_FIELD', /^Field "history_images\[0\]" must be an image that "history" names/],
    [
      [image], [named(Buffer.alloc(600 * 1024), 'big.jpg')], 413, 'FILE_TOO_LARGE',
      /^history_images\[0\] \("big\.jpg"\) is larger than 0\.5 MB/
    ],
    [['blue', 'green'].map(coloured), ['red', 'teal'].map(coloured), 400, 'TOO_MANY_IMAGES', /more than 3 different/]
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
    t.equal(reply.body.image, 1, 'images of the history are counted after those of the question')
  }
})

t.test('a file in another field', async t => {
  const form = createForm({ message: 'Hi' })
  form.append('photo', new Blob([new Uint8Array(image)]), 'a.png')
  await refused(t, await post(form), 400, 'UNKNOWN_FIELD', /"photo"/)
})

t.test('images that do not fit the context even at their smallest size', async t => {
  const small = await startService(t, { CONTEXT_SIZE: '512', IMAGE_MIN_TOKENS: '200', IMAGE_MAX_TOKENS: '300' })
  await refused(
    t, await ask(small.url, { message: 'Hi' }, [image, image, image]), 422, 'IMAGES_DO_NOT_FIT',
    /need at least \d{3} tokens; \d+ are left/, small
  )
})
