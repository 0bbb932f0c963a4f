import t from 'tap'
import { createAnticipation } from '../../../services/chat/anticipation.ts'
import type { UploadedFile } from '../../../services/chat/request.ts'
import type { Engine, EngineImage, EngineInfo, KnownImage } from '../../../services/engine/engine.ts'
import { createPreparer } from '../../../services/images/preparer.ts'
import { noise, store } from '../images/draw.ts'

/** Images of 600 × 400 pixels take this size and 54 tokens. */
const SIZE = { width: 252, height: 168 }
/** Leaves 223 tokens to images next to the reserve of the answer. */
const CONTEXT_SIZE = 300

/** An engine that records early encodings. */
function createRecorder (known: KnownImage[] = []) {
  const encoded: Array<{ image: EngineImage, signal: AbortSignal }> = []
  const engine: Engine = {
    ready: async () => {},
    info: () => ({
      state: 'ready',
      contextSize: CONTEXT_SIZE,
      slots: 1,
      vision: { multiple: 28, minTokens: 1, maxTokens: 64, coordinates: 'pixels' }
    }) as EngineInfo,
    inspect: async () => ({ textTokens: 0, known }),
    encodeEarly: async (image, signal) => { encoded.push({ image, signal }) },
    close: async () => {},
    async * generate () {}
  }
  const limits = { maxInputPixels: 1e8, maxSide: 1024, maxPixels: 1e6 }
  return { encoded, anticipation: createAnticipation({ engine, preparer: createPreparer(1), limits }) }
}

async function upload (dir: string, index: number): Promise<UploadedFile> {
  const file = await store(dir, `${index}.jpg`, await noise(600, 400).jpeg().toBuffer())
  return { ...file, field: `images[${index}]`, id: `sha256:${String(index).repeat(64)}` }
}

t.test('a prepared image is encoded in its scope', async t => {
  const { encoded, anticipation } = createRecorder()
  const file = await upload(t.testdir(), 0)
  await anticipation.begin(file, 'alice', new AbortController().signal)
  const [{ image }] = encoded as [typeof encoded[number]]
  t.match(image, { id: `alice/${file.id}`, original: { width: 600, height: 400 }, ...SIZE })
  t.equal(await image.file!(), (await anticipation.of(file)!.image).path)
})

t.test('an image that is cached in its size is neither prepared nor encoded', async t => {
  const file = await upload(t.testdir(), 0)
  const { encoded, anticipation } =
    createRecorder([{ id: file.id, original: { width: 600, height: 400 }, ...SIZE, tokens: 54 }])
  await anticipation.begin(file, '', new AbortController().signal)
  t.same([encoded, anticipation.of(file)], [[], undefined])
})

t.test('early encodings end when their preparation is cancelled or their request is over', async t => {
  const dir = t.testdir()
  const { encoded, anticipation } = createRecorder()
  const request = new AbortController()
  const files = [await upload(dir, 0), await upload(dir, 1)]
  for (const file of files) await anticipation.begin(file, '', request.signal)
  const aborted = () => encoded.map(({ signal }) => signal.aborted)
  anticipation.of(files[0]!)!.cancel()
  t.same(aborted(), [true, false])
  request.abort()
  t.same(aborted(), [true, true])
})

t.test('when the images are too many for the context, none of the request is encoded early', async t => {
  const dir = t.testdir()
  const { encoded, anticipation } = createRecorder()
  const { signal } = new AbortController()
  const other = new AbortController().signal
  for (const index of [0, 1, 2, 3]) await anticipation.begin(await upload(dir, index), '', signal)
  await anticipation.begin(await upload(dir, 5), '', other)
  t.same(encoded.map(it => it.signal.aborted), [false, false, false, false, false])
  await anticipation.begin(await upload(dir, 4), '', signal)
  t.same(encoded.map(it => it.signal.aborted), [true, true, true, true, false, true])
})
