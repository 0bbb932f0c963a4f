import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import type { EncodedImage } from '../../../../native/vision.ts'
import { createDeferred } from '../../../../services/deferred.ts'
import type { EngineImage } from '../../../../services/engine/engine.ts'
import { EarlyEncoder } from '../../../../services/engine/worker/early-encoder.ts'
import { ImageCache } from '../../../../services/engine/worker/image-cache.ts'
import { engineImage, fake, never, unexpected } from './fake-images.ts'

/** An encoder whose encodings end when the test says so, or with the reason of an abort. */
function createManual (limitBytes = 1000, bytes = 100) {
  const cache = new ImageCache(limitBytes)
  const log: string[] = []
  const running = new Map<string, () => void>()
  const encode = async ({ id }: EngineImage, signal: AbortSignal): Promise<EncodedImage> => {
    const ended = createDeferred<EncodedImage>()
    log.push(`${id} begins`)
    running.set(id, () => ended.resolve(fake(bytes)))
    signal.addEventListener('abort', () => ended.reject(signal.reason), { once: true })
    try {
      return await ended.promise
    } catch (error) {
      log.push(`${id} stops`)
      throw error
    }
  }
  const early = new EarlyEncoder({ cache, encode })
  /** Begins an early encoding; `settled` is the list of those that have ended. */
  const settled: string[] = []
  const begin = (id: string, signal = never) =>
    early.encode(engineImage(id), signal).catch(() => {}).finally(() => settled.push(id))
  const finish = async (id: string) => {
    running.get(id)!()
    await turn()
  }
  return { cache, early, log, settled, begin, finish }
}

t.test('early encodings run one at a time, in the order of their calls', async t => {
  const { log, begin, finish, settled, cache } = createManual()
  void begin('a')
  void begin('b')
  await turn()
  t.same(log, ['a begins'])
  await finish('a')
  t.same([log, settled], [['a begins', 'b begins'], ['a']])
  await finish('b')
  t.same([settled, cache.size], [['a', 'b'], 2])
})

t.test('an answer interrupts an early encoding that it does not need, which starts again after the answer', async t => {
  const { early, log, begin, finish, settled } = createManual()
  void begin('a')
  await turn()
  const first = early.claim([engineImage('other')])
  await turn()
  const second = early.claim([engineImage('another')])
  first()
  await turn()
  t.same(log, ['a begins', 'a stops'], 'it waits for all answers')
  second()
  await turn()
  t.same([log.at(-1), settled], ['a begins', []])
  await finish('a')
  t.same(settled, ['a'])
})

t.test('after three interruptions an image is left to its answer', async t => {
  const { early, log, begin, settled } = createManual()
  void begin('a')
  for (let answer = 0; answer < 3; answer++) {
    await turn()
    t.same([log.at(-1), settled], ['a begins', []])
    early.claim([engineImage('other')])()
  }
  await turn()
  t.same([log.at(-1), settled], ['a stops', ['a']])
})

t.test('an answer without images to encode interrupts nothing', async t => {
  const { early, log, begin } = createManual()
  void begin('a')
  await turn()
  early.claim([])()
  await turn()
  t.same(log, ['a begins'])
})

t.test('an early encoding that has begun continues for the answer that needs it', async t => {
  const { early, cache, log, begin, finish } = createManual()
  void begin('a')
  await turn()
  const own = early.claim([engineImage('a')])
  const lease = cache.lease(engineImage('a'), unexpected, never)
  const other = early.claim([engineImage('b')])
  await finish('a')
  t.equal((await lease).cached, false, 'it was encoded for this request')
  t.same(log, ['a begins'])
  own()
  other()
})

t.test('an early encoding that waits is dropped when an answer needs the image', async t => {
  const { early, log, begin, finish, settled } = createManual()
  void begin('a')
  void begin('b')
  await turn()
  const end = early.claim([engineImage('a'), engineImage('b')])
  await turn()
  t.same(settled, ['b'])
  await begin('b')
  t.same(settled, ['b', 'b'], 'nor does it begin later')
  end()
  await finish('a')
  t.same([log, settled], [['a begins'], ['b', 'b', 'a']])
})

t.test('an abort ends an early encoding, whether it runs, waits for its turn or for an answer', async t => {
  const { early, cache, log, begin, settled } = createManual()
  const [a, b, c] = [new AbortController(), new AbortController(), new AbortController()]
  void begin('a', a.signal)
  void begin('b', b.signal)
  await turn()
  b.abort()
  await turn()
  t.same(settled, ['b'])
  a.abort()
  await turn()
  t.same([settled, log, cache.size], [['b', 'a'], ['a begins', 'a stops'], 0])
  const end = early.claim([engineImage('other')])
  void begin('c', c.signal)
  await turn()
  c.abort()
  await turn()
  t.same(settled, ['b', 'a', 'c'])
  end()
  await turn()
  t.equal(log.length, 2)
})

t.test('embeddings that no answer has used take half of the cache at most, until their requests are over', async t => {
  const { cache, log, begin, finish, settled } = createManual(200)
  const request = new AbortController()
  void begin('a', request.signal)
  await turn()
  await finish('a')
  await begin('b')
  t.same([log, settled], [['a begins'], ['a', 'b']])
  request.abort()
  void begin('b')
  await turn()
  await finish('b')
  t.same([log, cache.size], [['a begins', 'b begins'], 2])
})

t.test('without a cache, nothing is encoded early', async t => {
  const { log, begin } = createManual(0)
  await begin('a')
  t.same(log, [])
})
