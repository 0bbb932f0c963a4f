import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import type { EncodedImage } from '../../../../native/vision.ts'
import { createDeferred } from '../../../../services/deferred.ts'
import type { EngineImage } from '../../../../services/engine/engine.ts'
import { ImageCache, type ImageLease } from '../../../../services/engine/worker/image-cache.ts'
import { integers } from '../../../../tools/lib/random.ts'

interface FakeImage extends EncodedImage { disposed: number }

function fake (bytes: number): FakeImage {
  return {
    tokens: bytes / 10,
    span: 1,
    bytes,
    disposed: 0,
    decode: async () => {},
    dispose () { this.disposed++ }
  }
}

const ORIGINAL = { width: 640, height: 480 }
const engineImage = (id: string, width = 56, height = 56): EngineImage =>
  ({ id, original: ORIGINAL, width, height, file: async () => `/nowhere/${id}` })
const never = new AbortController().signal
const unexpected = async (): Promise<EncodedImage> => { throw new Error('encoded again') }

/** Leases an image that `bytes` says how large it is, and lets go of it at once. */
async function use (cache: ImageCache, id: string, bytes = 100): Promise<FakeImage> {
  const { encoded, release } = await cache.lease(engineImage(id), async () => fake(bytes), never)
  release()
  return encoded as FakeImage
}

const isCached = (cache: ImageCache, id: string) => cache.find(id) !== undefined

t.test('encodes a picture once and says which request found it there', async t => {
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

t.test('counts each embedding once, however many use it', async t => {
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
  t.same([cache.size, cache.bytes], [2, 500], 'what is released stays while there is room')
  cache.clear()
  t.same([cache.size, cache.bytes], [0, 0])
})

t.test('frees the least recently used first', async t => {
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

t.test('fills its limit to the last byte', async t => {
  const cache = new ImageCache(300)
  for (const id of ['a', 'b', 'c']) await use(cache, id)
  t.same([cache.size, cache.bytes], [3, 300])
})

t.test('never frees a picture in use, and frees it as soon as it is not', async t => {
  const cache = new ImageCache(100)
  const a = await cache.lease(engineImage('a'), async () => fake(100), never)
  const b = await cache.lease(engineImage('b'), async () => fake(100), never)
  t.equal(cache.bytes, 200, 'above the limit for as long as it must')
  cache.clear()
  t.same([a, b].map(({ encoded }) => (encoded as FakeImage).disposed), [0, 0])
  a.release()
  t.same([a, b].map(({ encoded }) => (encoded as FakeImage).disposed), [1, 0])
  b.release()
  t.equal((b.encoded as FakeImage).disposed, 0, 'there is room for this one')
  t.equal(cache.bytes, 100)
})

t.test('a picture is in use until the last of its leases is released', async t => {
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

t.test('keeps a picture that is larger than the limit only while it is used', async t => {
  const cache = new ImageCache(50)
  const { encoded, release } = await cache.lease(engineImage('a'), async () => fake(100), never)
  t.equal((encoded as FakeImage).disposed, 0)
  release()
  t.equal((encoded as FakeImage).disposed, 1)
  t.equal(cache.find('a'), undefined)
})

t.test('another size of a picture is another embedding', async t => {
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

t.test('finds a picture by its id, in the size that was used last', async t => {
  const cache = new ImageCache(1000)
  t.equal(cache.find('a'), undefined)
  await cache.lease(engineImage('a', 56, 84), async () => fake(60), never)
  await cache.lease(engineImage('a', 112, 112), async () => fake(160), never)
  await cache.lease(engineImage('b'), async () => fake(40), never)
  t.same(cache.find('a'), { id: 'a', original: ORIGINAL, width: 112, height: 112, tokens: 16 })
  await cache.lease(engineImage('a', 56, 84), unexpected, never)
  t.same(cache.find('a'), { id: 'a', original: ORIGINAL, width: 56, height: 84, tokens: 6 })
})

t.test('requests for one picture at the same time encode it once', async t => {
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
  t.equal(cache.find('a'), undefined, 'not before it is made')
  gate.resolve()
  const leases = await Promise.all(asked)
  t.equal(encodings, 1)
  t.equal(new Set(leases.map(lease => lease.encoded)).size, 1)
  t.same(leases.map(lease => lease.cached), [false, true, true, true, true])
  t.same([cache.size, cache.bytes], [1, 100])
})

t.test('different pictures are encoded side by side', async t => {
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

t.test('when the request that encodes gives up, the next that waits encodes itself', async t => {
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
  t.equal(encodings, 1, 'one of them for all')
  t.same(leases.map(lease => lease.cached), [false, true, true])
  t.same([cache.size, cache.bytes], [1, 100])
})

t.test('a picture that cannot be encoded fails each request with its own error and leaves nothing', async t => {
  const cache = new ImageCache(1000)
  const errors = [new Error('first'), new Error('second')]
  const [first, second] = errors.map(error => cache.lease(engineImage('a'), async () => {
    await turn()
    throw error
  }, never))
  await Promise.all([t.rejects(first!, errors[0]!), t.rejects(second!, errors[1]!)])
  t.same([cache.size, cache.bytes, cache.find('a')], [0, 0, undefined])
  t.equal((await cache.lease(engineImage('a'), async () => fake(100), never)).cached, false, 'and can be tried again')
})

t.test('one that was aborted while another encoded gets its reason and holds nothing', async t => {
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

t.test('a picture is not freed under one that waited for it, though the request that encoded it lets go at once', async t => {
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

t.test('keeps its accounts through any mixture of requests', async t => {
  const random = integers(11)
  const LIMIT = 500
  const cache = new ImageCache(LIMIT)
  const made: FakeImage[] = []
  const inUse = new Map<EncodedImage, number>()
  let faults = 0
  const encode = (bytes: number) => async () => {
    if (random(2) === 0) await turn()
    if (random(5) === 0) throw new Error('given up')
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
  t.ok(made.length > alive.length + 50, 'much was freed on the way')
  cache.clear()
  t.ok(made.every(encoded => encoded.disposed === 1))
})

t.test('finds the size that was used last, and none of what is gone', async t => {
  const cache = new ImageCache(1000)
  const sizes: Array<[number, number]> = [[56, 56], [84, 56], [56, 84]]
  for (const [width, height] of sizes) {
    (await cache.lease(engineImage('a', width, height), async () => fake(100), never)).release()
  }
  t.match(cache.find('a'), { width: 56, height: 84 })
  cache.touch(engineImage('a', 84, 56))
  t.match(cache.find('a'), { width: 84, height: 56 })
  const { release } = await cache.lease(engineImage('a', 56, 56), unexpected, never)
  t.match(cache.find('a'), { width: 56, height: 56 })
  release()
  // Each of these takes the place of what was used longest ago.
  for (let i = 0; i < 9; i++) await use(cache, `other-${i}`)
  t.match(cache.find('a'), { width: 56, height: 56 }, 'the last of its sizes')
  await use(cache, 'one more')
  t.equal(cache.find('a'), undefined)
  cache.clear()
  for (let i = 0; i < 9; i++) t.equal(cache.find(`other-${i}`), undefined)
})
