import path from 'node:path'
import { writeFileSync } from 'node:fs'
import sharp from 'sharp'
import t from 'tap'
import { imageCacheKey } from '../../../../services/engine/image-index.ts'
import { PreparedImages, readPrepared } from '../../../../services/engine/upstream/prepared-images.ts'

const original = { width: 100, height: 100 }
const engineImage = (id: string, width = 56) => ({ id, original, width, height: 56 })
const prepared = (bytes: number) => ({ type: 'image/png' as const, bytes: Buffer.alloc(bytes) })
const createImages = (limit: number) => new PreparedImages(limit, ({ width, height }) => width * height / 28 ** 2)

t.test('the least recently used image is evicted first', async t => {
  const images = createImages(100)
  for (const id of ['a', 'b']) images.put(engineImage(id), prepared(40))
  t.ok(images.get(engineImage('a')))
  images.put(engineImage('c'), prepared(40))
  t.same(['a', 'b', 'c'].map(id => images.sizesOf(id).length > 0), [true, false, true])
  t.match([images.size, images.bytes], [2, 80])
  images.put(engineImage('a'), prepared(50))
  t.match([images.size, images.bytes], [2, 90], 'once')
  images.put(engineImage('huge'), prepared(101))
  t.match([images.size, images.bytes], [0, 0], 'an image above the limit is not kept')
  images.put(engineImage('a'), prepared(1))
  images.clear()
  t.match([images.size, images.bytes], [0, 0])
})

t.test('find returns the most recently used size of an image', async t => {
  const images = createImages(100)
  images.put(engineImage('a', 56), prepared(10))
  images.put(engineImage('a', 84), prepared(10))
  t.same(images.sizesOf('a').at(-1), { id: 'a', original, width: 84, height: 56, tokens: 6 })
  images.get(engineImage('a', 56))
  t.match(images.sizesOf('a').at(-1), { width: 56, tokens: 4 })
  t.equal(images.get(engineImage('a', 112)), undefined)
  t.not(imageCacheKey(engineImage('a', 56)), imageCacheKey(engineImage('a', 84)))
})

t.test('a sent image has the same pixels and no metadata', async t => {
  const file = path.join(t.testdir(), 'image.png')
  const noise = await sharp({
    create: {
      width: 56, height: 84, channels: 3, background: 'grey', noise: { type: 'gaussian', mean: 128, sigma: 30 }
    }
  })
    .png({ compressionLevel: 0 }).withExif({ IFD0: { Copyright: 'somebody' } }).toBuffer()
  writeFileSync(file, noise)
  const { type, bytes } = await readPrepared(file)
  t.equal(type, 'image/png')
  t.same(await sharp(bytes).raw().toBuffer(), await sharp(noise).raw().toBuffer())
  const { exif, channels, depth } = await sharp(bytes).metadata()
  t.match({ exif, channels, depth }, { exif: undefined, channels: 3, depth: 'uchar' })
  t.notOk(bytes.includes('somebody'))
})
