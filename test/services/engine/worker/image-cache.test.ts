import t from 'tap'
import { ImageCache } from '../../../../services/engine/worker/image-cache.ts'
import { engineImage, fake, never, ORIGINAL, unexpected, use, type FakeImage } from './fake-images.ts'

const isCached = (cache: ImageCache, id: string) => cache.sizesOf(id).length > 0

t.test('an image is encoded once, and the lease reports whether it was cached', async t => {
  const cache = new ImageCache(1000)
  const encoded = fake(100)
  const first = await cache.lease(engineImage('a'), async () => encoded, never)
  t.equal(first.cached, false)
  first.release()
  const second = await cache.lease(engineImage('a'), unexpected, never)
  t.equal(second.cached, true)
  t.equal(second.encoded, encoded)
  t.equal(encoded.disposed, 0)
})

t.test('each embedding counts once, independent of its leases', async t => {
  const cache = new ImageCache(1000)
  t.same([cache.size, cache.bytes, cache.limitBytes], [0, 0, 1000])
  const leases = [
    await cache.lease(engineImage('a'), async () => fake(300), never),
    await cache.lease(engineImage('a'), unexpected, never)
  ]
  t.same([cache.size, cache.bytes], [1, 300])
  await use(cache, 'b', 200)
  t.same([cache.size, cache.bytes], [2, 500])
  for (const { release } of leases) release()
  t.same([cache.size, cache.bytes], [2, 500], 'released images stay while there is room')
  cache.clear()
  t.same([cache.size, cache.bytes], [0, 0])
})

t.test('the least recently used image is evicted first', async t => {
  const cache = new ImageCache(300)
  const a = await use(cache, 'a')
  const b = await use(cache, 'b')
  const c = await use(cache, 'c')
  await use(cache, 'a')
  const d = await use(cache, 'd')
  t.same([a, b, c, d].map(encoded => encoded.disposed), [0, 1, 0, 0])
  await use(cache, 'e', 200)
  t.same(['a', 'b', 'c', 'd', 'e'].filter(id => isCached(cache, id)), ['d', 'e'])
  t.equal(cache.bytes, 300)
})

t.test('the limit is used to the last byte', async t => {
  const cache = new ImageCache(300)
  for (const id of ['a', 'b', 'c']) await use(cache, id)
  t.same([cache.size, cache.bytes], [3, 300])
})

t.test('an image with a lease is never freed, and is evicted after its release', async t => {
  const cache = new ImageCache(100)
  const a = await cache.lease(engineImage('a'), async () => fake(100), never)
  const b = await cache.lease(engineImage('b'), async () => fake(100), never)
  t.equal(cache.bytes, 200, 'leased images can exceed the limit')
  cache.clear()
  t.same([a, b].map(({ encoded }) => (encoded as FakeImage).disposed), [0, 0])
  a.release()
  t.same([a, b].map(({ encoded }) => (encoded as FakeImage).disposed), [1, 0])
  b.release()
  t.equal((b.encoded as FakeImage).disposed, 0, 'there is room for this one')
  t.equal(cache.bytes, 100)
})

t.test('an image is in use until its last lease is released', async t => {
  const cache = new ImageCache(0)
  const first = await cache.lease(engineImage('a'), async () => fake(100), never)
  const second = await cache.lease(engineImage('a'), unexpected, never)
  const encoded = first.encoded as FakeImage
  first.release()
  first.release()
  t.equal(encoded.disposed, 0, 'releasing twice counts once')
  second.release()
  t.equal(encoded.disposed, 1)
  t.same([cache.size, cache.bytes], [0, 0])
})

t.test('an image above the limit is kept only while it is in use', async t => {
  const cache = new ImageCache(50)
  const { encoded, release } = await cache.lease(engineImage('a'), async () => fake(100), never)
  t.equal((encoded as FakeImage).disposed, 0)
  release()
  t.equal((encoded as FakeImage).disposed, 1)
  t.same(cache.sizesOf('a'), [])
})

t.test('each size of an image is an embedding of its own', async t => {
  const cache = new ImageCache(1000)
  const small = fake(40)
  const large = fake(160)
  await cache.lease(engineImage('a', 56, 56), async () => small, never)
  const second = await cache.lease(engineImage('a', 112, 112), async () => large, never)
  t.equal(second.cached, false)
  t.same([cache.size, cache.bytes], [2, 200])
  t.equal((await cache.lease(engineImage('a', 56, 56), unexpected, never)).encoded, small)
  t.equal((await cache.lease(engineImage('a', 112, 112), unexpected, never)).encoded, large)
})

t.test('find returns the most recently used size of an image', async t => {
  const cache = new ImageCache(1000)
  t.same(cache.sizesOf('a'), [])
  await cache.lease(engineImage('a', 56, 84), async () => fake(60), never)
  await cache.lease(engineImage('a', 112, 112), async () => fake(160), never)
  await cache.lease(engineImage('b'), async () => fake(40), never)
  t.same(cache.sizesOf('a').at(-1), { id: 'a', original: ORIGINAL, width: 112, height: 112, tokens: 16 })
  await cache.lease(engineImage('a', 56, 84), unexpected, never)
  t.same(cache.sizesOf('a').at(-1), { id: 'a', original: ORIGINAL, width: 56, height: 84, tokens: 6 })
})

t.test('sizesOf returns no evicted size', async t => {
  const cache = new ImageCache(1000)
  const sizes: Array<[number, number]> = [[56, 56], [84, 56], [56, 84]]
  for (const [width, height] of sizes) {
    (await cache.lease(engineImage('a', width, height), async () => fake(100), never)).release()
  }
  t.match(cache.sizesOf('a').at(-1), { width: 56, height: 84 })
  cache.touch(engineImage('a', 84, 56))
  t.match(cache.sizesOf('a').at(-1), { width: 84, height: 56 })
  const { release } = await cache.lease(engineImage('a', 56, 56), unexpected, never)
  t.match(cache.sizesOf('a').at(-1), { width: 56, height: 56 })
  release()
  // Each of these evicts the least recently used entry.
  for (let i = 0; i < 9; i++) await use(cache, `other-${i}`)
  t.match(cache.sizesOf('a').at(-1), { width: 56, height: 56 }, 'the last remaining size')
  await use(cache, 'one more')
  t.same(cache.sizesOf('a'), [])
  cache.clear()
  for (let i = 0; i < 9; i++) t.same(cache.sizesOf(`other-${i}`), [])
})
