import path from 'node:path'
import { writeFileSync } from 'node:fs'
import sharp from 'sharp'
import t from 'tap'
import { keyOf, PreparedPictures, readPrepared } from '../../../../services/engine/upstream/prepared-pictures.ts'

const original = { width: 100, height: 100 }
const image = (id: string, width = 56) => ({ id, original, width, height: 56 })
const picture = (bytes: number) => ({ type: 'image/png' as const, bytes: Buffer.alloc(bytes) })
const createPictures = (limit: number) => new PreparedPictures(limit, ({ width, height }) => width * height / 28 ** 2)

t.test('the least recently used goes first', async t => {
  const pictures = createPictures(100)
  for (const id of ['a', 'b']) pictures.put(image(id), picture(40))
  t.ok(pictures.get(image('a')))
  pictures.put(image('c'), picture(40))
  t.same(['a', 'b', 'c'].map(id => pictures.find(id) !== undefined), [true, false, true])
  t.match([pictures.size, pictures.bytes], [2, 80])
  pictures.put(image('a'), picture(50))
  t.match([pictures.size, pictures.bytes], [2, 90], 'once')
  pictures.put(image('huge'), picture(101))
  t.match([pictures.size, pictures.bytes], [0, 0], 'what is larger than all of it is not kept')
  pictures.put(image('a'), picture(1))
  pictures.clear()
  t.match([pictures.size, pictures.bytes], [0, 0])
})

t.test('a picture is known by id in the size that was used last', async t => {
  const pictures = createPictures(100)
  pictures.put(image('a', 56), picture(10))
  pictures.put(image('a', 84), picture(10))
  t.same(pictures.find('a'), { id: 'a', original, width: 84, height: 56, tokens: 6 })
  pictures.get(image('a', 56))
  t.match(pictures.find('a'), { width: 56, tokens: 4 })
  t.equal(pictures.get(image('a', 112)), undefined)
  t.not(keyOf(image('a', 56)), keyOf(image('a', 84)))
})

t.test('the way out changes no pixel, and nothing but pixels goes along', async t => {
  const file = path.join(t.testdir(), 'picture.png')
  const noise = await sharp({ create: { width: 56, height: 84, channels: 3, background: 'grey', noise: { type: 'gaussian', mean: 128, sigma: 30 } } })
    .png({ compressionLevel: 0 }).withExif({ IFD0: { Copyright: 'somebody' } }).toBuffer()
  writeFileSync(file, noise)
  const { type, bytes } = await readPrepared(file)
  t.equal(type, 'image/png')
  t.same(await sharp(bytes).raw().toBuffer(), await sharp(noise).raw().toBuffer())
  const { exif, channels, depth } = await sharp(bytes).metadata()
  t.match({ exif, channels, depth }, { exif: undefined, channels: 3, depth: 'uchar' })
  t.notOk(bytes.includes('somebody'))
})
