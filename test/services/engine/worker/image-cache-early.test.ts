import t from 'tap'
import { createDeferred } from '../../../../services/deferred.ts'
import { ImageCache } from '../../../../services/engine/worker/image-cache.ts'
import { engineImage, fake, never, unexpected, use } from './fake-images.ts'

const isKnown = (cache: ImageCache, id: string) => cache.sizesOf(id).length > 0

t.test('the first answer with an image that was encoded early reports it as not cached', async t => {
  const cache = new ImageCache(1000)
  const encoded = fake(100)
  await cache.encodeEarly(engineImage('a'), async () => encoded, never)
  t.same([cache.size, cache.bytes, cache.earlyBytes, isKnown(cache, 'a')], [1, 100, 100, false])
  const first = await cache.lease(engineImage('a'), unexpected, never)
  t.same([first.encoded, first.cached], [encoded, false])
  t.same([cache.earlyBytes, isKnown(cache, 'a')], [0, true])
  t.equal((await cache.lease(engineImage('a'), unexpected, never)).cached, true)
})

t.test('an image that was encoded early stays until its request is over', async t => {
  const cache = new ImageCache(200)
  const [first, second] = [new AbortController(), new AbortController()]
  const encoded = fake(100)
  await cache.encodeEarly(engineImage('a'), async () => encoded, first.signal)
  await cache.encodeEarly(engineImage('a'), unexpected, second.signal)
  for (const id of ['b', 'c', 'd']) await use(cache, id)
  t.same([encoded.disposed, cache.size], [0, 2])
  first.abort()
  const lease = await cache.lease(engineImage('e'), async () => fake(150), never)
  t.equal(encoded.disposed, 0, 'another request needs it')
  second.abort()
  t.same([encoded.disposed, cache.bytes], [1, 150])
  lease.release()
})

t.test('the image of a request that ended without an answer counts as cached', async t => {
  const cache = new ImageCache(1000)
  const request = new AbortController()
  await cache.encodeEarly(engineImage('a'), async () => fake(100), request.signal)
  request.abort()
  t.equal(isKnown(cache, 'a'), true)
  t.equal((await cache.lease(engineImage('a'), unexpected, never)).cached, true)
})

t.test('the end of a request does not affect an image that an answer has used', async t => {
  const cache = new ImageCache(100)
  const [first, second] = [new AbortController(), new AbortController()]
  await cache.encodeEarly(engineImage('a'), async () => fake(100), first.signal)
  const lease = await cache.lease(engineImage('a'), unexpected, never)
  await cache.encodeEarly(engineImage('a'), unexpected, second.signal)
  first.abort()
  second.abort()
  t.same([cache.size, isKnown(cache, 'a')], [1, true])
  lease.release()
})

t.test('answer and early encoding of one image at the same time encode it once', async t => {
  const cache = new ImageCache(1000)
  const encoding = createDeferred<ReturnType<typeof fake>>()
  const early = cache.encodeEarly(engineImage('a'), () => encoding.promise, never)
  const lease = cache.lease(engineImage('a'), unexpected, never)
  encoding.resolve(fake(100))
  t.equal((await lease).cached, false)
  await early
  t.same([cache.earlyBytes, cache.bytes], [0, 100])

  const other = createDeferred<ReturnType<typeof fake>>()
  const answer = cache.lease(engineImage('b'), () => other.promise, never)
  await cache.encodeEarly(engineImage('b'), unexpected, never)
  other.resolve(fake(100))
  t.equal((await answer).cached, false)
})

t.test('if an early encoding fails, the answer that waits for it encodes the image', async t => {
  const cache = new ImageCache(1000)
  const encoding = createDeferred<ReturnType<typeof fake>>()
  const early = cache.encodeEarly(engineImage('a'), () => encoding.promise, never)
  const lease = cache.lease(engineImage('a'), async () => fake(300), never)
  encoding.reject(new Error('interrupted'))
  await t.rejects(early, { message: 'interrupted' })
  t.match(await lease, { cached: false, encoded: { bytes: 300 } })
  t.same([cache.size, cache.bytes], [1, 300])
})

t.test('an embedding that is complete after the end of its request is an ordinary one', async t => {
  const cache = new ImageCache(1000)
  await cache.encodeEarly(engineImage('a'), async () => fake(100), AbortSignal.abort())
  t.same([cache.earlyBytes, isKnown(cache, 'a')], [0, true])
})
