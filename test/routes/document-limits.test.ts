import t, { type Test } from 'tap'
import { decoders, type ThreadEnd } from '../../services/images/decoder/decoders.ts'
import { PDF_MEMORY_MIB, PDF_RENDER_LIMIT_MS } from '../../services/images/documents/pdf.ts'
import { form, other } from '../hostile/pdf-parts.ts'
import { ask, createForm, createTestEngine, startService, type TestService } from '../helper.ts'
import { makePdf, rectangle, stream } from '../../tools/lib/make-pdf.ts'
import { until } from '../server-process.ts'

const engine = await createTestEngine(t)
const { model } = engine.info()
const WHAT = 'What is in the picture?'
const SQUARE = [0, 0, 100, 100]
const blue = { mediaBox: SQUARE, content: rectangle('0 0 1', 20, 20, 60, 60) }
const BLUE = 'A blue square on a white background.'

/** The colour of each pixel of the second page is the result of a long program. */
const slow = makePdf([blue, { ...blue, content: '/S sh', resources: `/Shading << /S ${other()} >>` }], {
  objects: [
    `<< /ShadingType 1 /ColorSpace /DeviceRGB /Domain [0 1 0 1] /Matrix [100 0 0 100 0 0] /Function ${other(1)} >>`,
    stream(
      '/FunctionType 4 /Domain [0 1 0 1] /Range [0 1 0 1 0 1]', `{ pop pop ${'1 pop '.repeat(500_000)} 1 0 0 }`
    )
  ]
})
/** Each of nine drawings of the second page shows the next one ten times, and PDFium keeps all of them. */
const large = makePdf([blue, { ...blue, content: '/X Do', resources: `/XObject << /X ${other()} >>` }], {
  objects: Array.from({ length: 10 }, (_, level) =>
    form(level === 9 ? '0 0 900 900 re f' : '/X Do '.repeat(10), `/XObject << /X ${other(level + 1)} >>`))
})

const upload = (data: Buffer) => ({ data, name: 'report.pdf', type: 'application/pdf' })
const uriOf = (data: Buffer) => `data:application/pdf;base64,${data.toString('base64')}`

/** Checks that another document is answered. */
async function answersNext (t: Test, service: TestService): Promise<void> {
  const { body } = await ask(service.url, { message: WHAT, pages: '1' }, [upload(slow)])
  t.equal(body.response, BLUE)
}

const FAULTS: Array<[what: string, reason: ThreadEnd, pdf: Buffer, sentence: string]> = [
  ['takes too long', 'slow', slow, `it takes longer than ${PDF_RENDER_LIMIT_MS / 1000} seconds`],
  ['needs too much memory', 'memory', large, `it takes more than ${PDF_MEMORY_MIB} MiB of memory`]
]
for (const [what, reason, pdf, sentence] of FAULTS) {
  t.test(`a page that ${what} is refused, its thread ends, and others are answered`, async t => {
    const service = await startService(t, { MAX_FILE_SIZE_MB: '50' }, engine)
    const before = decoders.ended()[reason]
    const refused = ask(service.url, { message: WHAT, pages: '2' }, [upload(pdf)])
    await answersNext(t, service)
    const { status, body } = await refused
    t.equal(status, 422)
    t.match(body, { code: 'CORRUPT_IMAGE', image: 0, field: 'images[0]' })
    t.equal(body.error, `images[0] ("report.pdf"), page 2 cannot be decoded: ${sentence}`)
    t.equal(decoders.ended()[reason], before + 1)
    await answersNext(t, service)
    await service.quiet()
  })
}

const text = { type: 'text', text: WHAT }
const file = { type: 'file', file: { filename: 'report.pdf', file_data: uriOf(slow), pages: '2' } }
const jsonOf = (body: object) => ({ headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
/** Streams about the slow page. Their first event arrives before the page is rendered. */
const STREAMS: Array<[what: string, path: string, init: () => RequestInit]> = [
  ['a form', '/api/chat_stream', () => ({ body: createForm({ message: WHAT, pages: '2' }, [upload(slow)]) })],
  ['JSON', '/api/chat_stream', () => jsonOf({ message: WHAT, pages: 2, images: [uriOf(slow)] })],
  ['/v1', '/v1/chat/completions', () =>
    jsonOf({ model, stream: true, messages: [{ role: 'user', content: [file, text] }] })]
]
for (const [what, path, init] of STREAMS) {
  t.test(`a client that leaves ends the thread of its page at once: ${what}`, async t => {
    const service = await startService(t, {}, engine)
    const controller = new AbortController()
    const response = await fetch(service.url + path, { method: 'POST', signal: controller.signal, ...init() })
    t.match(Buffer.from((await response.body!.getReader().read()).value!).toString(), /accepted|"assistant"/)
    t.equal(service.app.slots.stats().taken, 1)
    t.equal(service.leftovers().length, 1)
    const [threads, { aborted }] = [decoders.threads(), decoders.ended()]
    const start = performance.now()
    controller.abort()
    await until(() => decoders.ended().aborted === aborted + 1 && decoders.threads() === threads - 1)
    await service.quiet()
    t.comment(`${Math.round(performance.now() - start)} ms`)
    await answersNext(t, service)
    await service.quiet()
  })
}
