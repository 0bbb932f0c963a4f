import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import sharp from 'sharp'
import t from 'tap'
import { fixture } from '../hostile/heic-parts.ts'
import { ask, askJson, askStream, createTestEngine, drawShape, startService } from '../helper.ts'
import { line, makePdf, rectangle, stream } from '../../tools/lib/make-pdf.ts'
import { start } from '../server-process.ts'

const engine = await createTestEngine(t)
const { model } = engine.info()
const MB = 1024 * 1024
const DESCRIBE = 'Describe the images.'
const SQUARE = [0, 0, 100, 100]
const blue = { mediaBox: SQUARE, content: rectangle('0 0 1', 20, 20, 60, 60) }
const BLUE = 'A blue square on a white background.'

interface File { data: Buffer, name: string, type: string }
const heic: File = { data: fixture('circle'), name: 'photo.heic', type: 'image/heic' }
const pdf = {
  data: makePdf([{ mediaBox: SQUARE, content: line('Page one', 9, 50, 12) }, blue]),
  name: 'report.pdf',
  type: 'application/pdf'
}
const jpeg = {
  data: await sharp(await drawShape('square', 'green', 'white')).jpeg({ quality: 95 }).toBuffer(),
  name: 'photo.jpg',
  type: 'image/jpeg'
}
const files = [heic, pdf, jpeg]
const ANSWER = 'Picture 1: a red circle on a white background. Picture 2: a blue square on a white background. ' +
  'Picture 3: a green square on a white background.'
const RECEIPTS = [
  { format: 'heic', original: { width: 140, height: 140 }, bytes: heic.data.length },
  { format: 'pdf', document: { name: 'report.pdf', page: 2, pages: 2 }, bytes: pdf.data.length },
  { format: 'jpeg', original: { width: 140, height: 140 }, bytes: jpeg.data.length }
]
const WITHOUT_NAME = RECEIPTS.map(receipt =>
  receipt.document ? { ...receipt, document: { ...receipt.document, name: '' } } : receipt)
const uriOf = ({ data, type }: File) => `data:${type};base64,${data.toString('base64')}`
const imagePart = (file: File) => ({ type: 'image_url', image_url: { url: uriOf(file) } })
const filePart = ({ name, ...file }: File, pages: string) =>
  ({ type: 'file', file: { filename: name, file_data: uriOf({ name, ...file }), pages } })

async function complete (url: string, content: object[], more = {}): Promise<Response> {
  return await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model, messages: [{ role: 'user', content }], temperature: 0, ...more })
  })
}

t.test('a HEIC, a page of a PDF and a JPEG in one question', async t => {
  const service = await startService(t, {}, engine)
  const fields = { message: DESCRIBE, pages: '2' }
  const parts = [imagePart(heic), filePart(pdf, '2'), imagePart(jpeg), { type: 'text', text: DESCRIBE }]

  await t.test('a form', async t => {
    const { status, body } = await ask(service.url, fields, files)
    t.equal(status, 200, body.error)
    t.match(body.images, RECEIPTS)
    t.equal(body.images.length, 3)
    t.equal(body.response, ANSWER)
  })
  await t.test('a form with a stream', async t => {
    const { events, text } = await askStream(service.url, fields, files)
    t.match(events.filter(({ event }) => event === 'image').map(({ data }) => data), RECEIPTS)
    t.equal(text, ANSWER)
  })
  await t.test('JSON', async t => {
    const { status, body } = await askJson(service.url, { ...fields, images: files.map(uriOf) })
    t.equal(status, 200, body.error)
    t.match(body.images, WITHOUT_NAME)
    t.equal(body.response, ANSWER)
  })
  await t.test('a completion', async t => {
    const response = await complete(service.url, parts)
    const body = await response.json() as any
    t.equal(response.status, 200, JSON.stringify(body.error))
    t.equal(body.choices[0].message.content, ANSWER)
    t.match(body.sightline.images, RECEIPTS)
  })
  await t.test('a completion with a stream', async t => {
    const text = await (await complete(service.url, parts, { stream: true })).text()
    const chunks = [...text.matchAll(/^data: (\{.*)$/gm)].map(([, json]) => JSON.parse(json!))
    t.equal(chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join(''), ANSWER)
    t.match(chunks.flatMap(({ sightline }) => sightline?.images ?? []), RECEIPTS)
    t.match(text, /data: \[DONE\]\n\n$/)
  })

  const metrics = await (await fetch(`${service.url}/metrics`)).text()
  for (const format of ['heic', 'pdf', 'jpeg']) {
    const pattern = new RegExp(`^sightline_pictures_total\\{cached="\\w+",format="${format}"\\} (\\d+)$`, 'gm')
    const count = [...metrics.matchAll(pattern)].reduce((sum, [, value]) => sum + Number(value), 0)
    t.equal(count, 5, format)
  }
  await service.quiet()
})

t.test('prepare_ms contains the time to open a document', async t => {
  const service = await startService(t, {}, engine)
  // The sizes of all pages before page 9999 are read first.
  const pages = Array.from({ length: 9999 }, () => blue)
  const { status, body } = await ask(service.url, { message: DESCRIBE, pages: '9999' }, [
    { ...pdf, data: makePdf(pages) }
  ])
  t.equal(status, 200, body.error)
  const { queue_ms: queue, upload_ms: upload, prepare_ms: prepare, encode_ms: encode, ttft_ms: first } = body.timings
  t.comment(JSON.stringify(body.timings))
  // Until the first token, no time is outside of the stages. `encode_ms` may overlap `prepare_ms`.
  t.ok(queue + upload + prepare + encode + body.timings.prefill_ms > first - 50)
  await service.quiet()
})

/** A document whose bytes do not compress. PDFium ignores the object. */
const LARGE_BYTES = 30 * 1000 * 1000
/** The file and PDFium's copy of it, its program, and parts of the body that have not been collected. */
const MOST_BYTES = 3 * LARGE_BYTES + 100 * MB
const skip = !existsSync('/proc/self/clear_refs') && 'the measurement needs /proc'
t.test('a document of 30 MB in JSON', { skip }, async t => {
  const large = { ...pdf, data: makePdf([blue], { objects: [stream('', randomBytes(LARGE_BYTES))] }) }
  const server = await start(t, { MAX_FILE_SIZE_MB: '40', UPLOAD_DIR: t.testdir() })
  const figure = (name: string) => {
    const status = readFileSync(`/proc/${server.child.pid}/status`, 'utf8')
    return 1024 * Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)![1])
  }
  const message = 'What is in the picture?'
  const asks: Record<string, () => Promise<string>> = {
    '/api/chat': async () => (await askJson(server.url, { message, pages: '1', images: [uriOf(large)] })).body.response,
    '/v1': async () => {
      const response = await complete(server.url, [filePart(large, '1'), { type: 'text', text: message }])
      return (await response.json() as any).choices?.[0].message.content
    }
  }
  // The first request compiles PDFium.
  await askJson(server.url, { message, pages: '1', images: [uriOf({ ...pdf, data: makePdf([blue]) })] })
  for (const [path, send] of Object.entries(asks)) {
    writeFileSync(`/proc/${server.child.pid}/clear_refs`, '5')
    const before = figure('VmRSS')
    t.equal(await send(), BLUE, path)
    const bytes = figure('VmHWM') - before
    t.ok(bytes < MOST_BYTES, `${path}: ${Math.round(bytes / MB)} MiB`)
  }
})
