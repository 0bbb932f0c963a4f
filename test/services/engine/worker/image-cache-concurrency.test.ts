import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import type { EncodedImage } from '../../../../native/vision.ts'
import { createDeferred } from '../../../../services/deferred.ts'
import { ImageCache, type ImageLease } from '../../../../services/engine/worker/image-cache.ts'
import { integers } from '../../../../tools/lib/random.ts'
import { engineImage, fake, never, unexpected, type FakeImage } from './fake-images.ts'

t.test('concurrent requests for one image encode it once', async t => {
  const cache = new ImageCache(1000)
  const gate = createDeferred<void>()
  let encodings = 0
  const encode = async () => {
    encodings++
    await gate.promise
    return fake(100)
  }
  const asked = Array.from({ length: 5 }, () => cache.lease(engineImage('a'), encode, never))
  await turn()
  t.equal(cache.sizesOf('a').at(-1), undefined, 'not before it is encoded')
  gate.resolve()
  const leases = await Promise.all(asked)
  t.equal(encodings, 1)
  t.equal(new Set(leases.map(lease => lease.encoded)).size, 1)
  t.same(leases.map(lease => lease.cached), [false, true, true, true, true])
  t.same([cache.size, cache.bytes], [1, 100])
})

t.test('different images are encoded in parallel', async t => {
  const cache = new ImageCache(1000)
  const gate = createDeferred<void>()
  const begun: string[] = []
  const asked = ['a', 'b'].map(id => cache.lease(engineImage(id), async () => {
    begun.push(id)
    await gate.promise
    return fake(100)
  }, never))
  await turn()
  t.same(begun, ['a', 'b'])
  gate.resolve()
  await Promise.all(asked)
})

t.test('if the encoding request is aborted, the next waiting request encodes the image', async t => {
  const cache = new ImageCache(1000)
  const gate = createDeferred<EncodedImage>()
  const first = cache.lease(engineImage('a'), () => gate.promise, never)
  let encodings = 0
  const encode = async () => {
    encodings++
    await turn()
    return fake(100)
  }
  const others = [
    cache.lease(engineImage('a'), encode, never), cache.lease(engineImage('a'), encode, never),
    cache.lease(engineImage('a'), encode, never)
  ]
  const reason = new DOMException('The client left', 'AbortError')
  gate.reject(reason)
  await t.rejects(first, reason)
  const leases = await Promise.all(others)
  t.equal(encodings, 1, 'once for all waiting requests')
  t.same(leases.map(lease => lease.cached), [false, true, true])
  t.same([cache.size, cache.bytes], [1, 100])
})

t.test('a failed encoding rejects each request with its own error and leaves no entry', async t => {
  const cache = new ImageCache(1000)
  const errors = [new Error('first'), new Error('second')]
  const [first, second] = errors.map(error => cache.lease(engineImage('a'), async () => {
    await turn()
    throw error
  }, never))
  await Promise.all([t.rejects(first!, errors[0]!), t.rejects(second!, errors[1]!)])
  t.same([cache.size, cache.bytes, cache.sizesOf('a').at(-1)], [0, 0, undefined])
  t.equal((await cache.lease(engineImage('a'), async () => fake(100), never)).cached, false, 'and can be tried again')
})

t.test('a waiting request that is aborted gets its reason and no lease', async t => {
  const cache = new ImageCache(0)
  const gate = createDeferred<EncodedImage>()
  const first = cache.lease(engineImage('a'), () => gate.promise, never)
  const left = new AbortController()
  const second = cache.lease(engineImage('a'), unexpected, left.signal)
  const reason = new Error('The client left')
  left.abort(reason)
  const encoded = fake(100)
  gate.resolve(encoded)
  await t.rejects(second, reason)
  const lease = await first
  t.equal(encoded.disposed, 0)
  lease.release()
  t.equal(encoded.disposed, 1, 'the first was its only user')
})

t.test('a waiting request gets a valid image even if the encoding request releases it at once', async t => {
  const cache = new ImageCache(0)
  const gate = createDeferred<EncodedImage>()
  const first = cache.lease(engineImage('a'), () => gate.promise, never).then(({ release }) => release())
  const again = fake(100)
  const second = cache.lease(engineImage('a'), async () => again, never)
  gate.resolve(fake(100))
  const lease = await second
  await first
  t.equal((lease.encoded as FakeImage).disposed, 0)
  lease.release()
  t.equal((lease.encoded as FakeImage).disposed, 1)
  t.same([cache.size, cache.bytes], [0, 0])
})

t.test('sizes and users are correct after any mixture of requests', async t => {
  const random = integers(11)
  const LIMIT = 500
  const cache = new ImageCache(LIMIT)
  const made: FakeImage[] = []
  const inUse = new Map<EncodedImage, number>()
  let faults = 0
  const encode = (bytes: number) => async () => {
    if (random(2) === 0) await turn()
    if (random(5) === 0) throw new Error('aborted')
    const encoded = fake(bytes)
    made.push(encoded)
    return encoded
  }
  const check = () => {
    if (made.some(encoded => encoded.disposed > 1)) faults++
    for (const [encoded, users] of inUse) if (users > 0 && (encoded as FakeImage).disposed > 0) faults++
  }
  const request = async () => {
    const which = random(12)
    let lease: ImageLease
    try {
      lease = await cache.lease(engineImage(`${which}`), encode(50 + which * 10), never)
    } catch {
      return
    }
    inUse.set(lease.encoded, (inUse.get(lease.encoded) ?? 0) + 1)
    check()
    for (let i = random(4); i > 0; i--) await turn()
    check()
    inUse.set(lease.encoded, inUse.get(lease.encoded)! - 1)
    lease.release()
    check()
  }
  const work: Array<Promise<void>> = []
  for (let i = 0; i < 600; i++) {
    work.push(request())
    if (random(3) === 0) await turn()
  }
  await Promise.all(work)
  check()
  const alive = made.filter(encoded => encoded.disposed === 0)
  t.equal(faults, 0)
  t.equal(cache.size, alive.length)
  t.equal(cache.bytes, alive.reduce((sum, encoded) => sum + encoded.bytes, 0))
  t.ok(cache.bytes <= LIMIT && cache.bytes > 0)
  t.ok(made.length > alive.length + 50, 'many images were evicted')
  cache.clear()
  t.ok(made.every(encoded => encoded.disposed === 1))
})
