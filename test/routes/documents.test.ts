import { createHash } from 'node:crypto'
import sharp from 'sharp'
import t from 'tap'
import { ask, askJson, createTestEngine, drawShape, startService } from '../helper.ts'
import { line, makePdf, rectangle, type PdfPage } from '../../tools/lib/make-pdf.ts'

const engine = await createTestEngine(t)
const { model } = engine.info()
const WHAT = 'What is in the picture?'
const DESCRIBE = 'Describe the images.'
/** Square pages with a shape that the demo model knows. */
const SQUARE = [0, 0, 100, 100]
const shapePage = (colour: string): PdfPage => ({ mediaBox: SQUARE, content: rectangle(colour, 20, 20, 60, 60) })
const COLOURS = { red: '1 0 0', blue: '0 0 1', green: '0 0.5 0' }
const red = shapePage(COLOURS.red)
const blue = shapePage(COLOURS.blue)
const report = makePdf([red, blue, shapePage(COLOURS.green)])
const pdf = (data: Buffer, name = 'report.pdf') => ({ data, name, type: 'application/pdf' })
const uriOf = (data: Buffer, type = 'application/pdf') => `data:${type};base64,${data.toString('base64')}`
const idOf = (data: Buffer) => `sha256:${createHash('sha256').update(data).digest('hex')}`

async function complete (url: string, content: object[], more = {}) {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model, messages: [{ role: 'user', content }], ...more })
  })
  return { status: response.status, body: await response.json() as any }
}

t.test('a page of a PDF is an image', async t => {
  const service = await startService(t, {}, engine)
  const { status, body } = await ask(service.url, { message: WHAT, pages: '2' }, [pdf(report)])
  t.equal(status, 200)
  t.equal(body.response, 'A blue square on a white background.')
  t.equal(body.images.length, 1)
  t.match(body.images[0], {
    original: { width: 277, height: 277 },
    format: 'pdf',
    bytes: report.length,
    compressed: true,
    document: { id: idOf(report), name: 'report.pdf', page: 2, pages: 3 }
  })
  t.not(body.images[0]!.id, idOf(report))

  const { id } = body.images[0]!
  const history = JSON.stringify([
    { role: 'user', content: WHAT, images: [id] }, { role: 'assistant', content: body.response }
  ])
  const followUp = await ask(service.url, { message: WHAT, history })
  t.equal(followUp.status, 200, 'the page is named by its id')
  t.equal(followUp.body.response, 'A blue square on a white background.')
  const again = await ask(service.url, { message: WHAT, history }, [], [pdf(report)])
  t.match(again.body.images, [{ id, cached: true, document: { page: 2 } }], 'the document is sent again')
  await service.quiet()
})

t.test('pages without a list share MAX_IMAGES', async t => {
  const service = await startService(t, { MAX_IMAGES: '4' }, engine)
  const pages = Array.from({ length: 12 }, (_, page) => ({ ...red, content: red.content + line(`${page}`, 1, 1, 5) }))
  const long = makePdf(pages)
  const pagesOf = async (files: object[]) => {
    const { status, body } = await ask(service.url, { message: DESCRIBE }, files as never)
    t.equal(status, 200, body.error)
    return body.images.map(({ document }) => document?.page ?? null)
  }
  t.same(await pagesOf([pdf(long)]), [1, 2, 3, 4])
  t.same(await pagesOf([await drawShape('circle', 'red', 'white'), pdf(long)]), [null, 1, 2, 3])
  t.same(await pagesOf([pdf(long), pdf(report)]), [1, 2, 1, 2])
  await service.quiet()
})

t.test('each PDF has pages of its own', async t => {
  const service = await startService(t, {}, engine)
  const circle = await drawShape('circle', 'red', 'white')
  const second = makePdf([blue, red])
  const files = [pdf(report), circle, pdf(second, 'second.pdf'), pdf(report)]
  const uris = [uriOf(report), uriOf(circle, 'image/png'), uriOf(second), uriOf(report)]
  const lists = ['3,1', '2', '2']
  const replies = [
    await ask(service.url, { message: WHAT, pages: JSON.stringify(lists) }, files),
    await ask(service.url, { message: WHAT, pages: lists }, files),
    await askJson(service.url, { message: WHAT, pages: ['3,1', 2, 2], images: uris })
  ]
  for (const { status, body } of replies) {
    t.equal(status, 200, body.error)
    t.same(body.images.map(({ document }) => document?.page ?? null), [3, 1, null, 2, 2])
  }
  const faults: Array<[string, string, RegExp]> = [
    ['["1","2"]', 'pages', /^Field "pages" has 2 lists, but the request has 3 PDFs$/],
    ['["1","9","1"]', 'pages[1]', /^Field "pages\[1\]" names page 9, but images\[2\] \("second.pdf"\) has 2 pages$/],
    ['["1","","1"]', 'pages[1]', /must be a list of pages/],
    ['[]', 'pages', /must not be empty/]
  ]
  for (const [pages, field, error] of faults) {
    const { status, body } = await ask(service.url, { message: WHAT, pages }, files)
    t.equal(status, 400)
    t.match(body, { code: 'INVALID_FIELD', field, error }, pages)
  }
  await service.quiet()
})

t.test('faults of pages', async t => {
  const service = await startService(t, { MAX_IMAGES: '3' }, engine)
  const cases: Array<[pages: string, files: object[], code: string, sentence: RegExp]> = [
    [
      '4', [pdf(report)], 'INVALID_FIELD',
      /^Field "pages" names page 4, but images\[0\] \("report\.pdf"\) has 3 pages$/
    ],
    ['3-1', [pdf(report)], 'INVALID_FIELD', /must be a list of pages such as 1-3,7/],
    ['0', [pdf(report)], 'INVALID_FIELD', /must be a list of pages/],
    ['one', [pdf(report)], 'INVALID_FIELD', /must be a list of pages/],
    ['1-99999', [pdf(report)], 'TOO_MANY_IMAGES', /more than 3 different images/],
    ['1-2', [pdf(report), pdf(makePdf([blue, red]))], 'TOO_MANY_IMAGES', /more than 3 different images/],
    ['1', [await drawShape('circle', 'red', 'white')], 'INVALID_FIELD', /"pages" is given, but no PDF is/]
  ]
  for (const [pages, files, code, sentence] of cases) {
    const { body } = await ask(service.url, { message: WHAT, pages }, files as never)
    t.match(body, { code, error: sentence }, pages)
  }
  const stranger = await ask(service.url, { message: WHAT }, [], [pdf(report)])
  t.match(stranger.body, { code: 'INVALID_FIELD', field: 'history_images[0]' })
  const flat = await ask(service.url, { message: WHAT, pages: '2' }, [
    pdf(makePdf([red, { mediaBox: [0, 0, 5000, 2] }]))
  ])
  t.match(flat.body, {
    code: 'IMAGE_TOO_NARROW', field: 'images[0]', error: /^images\[0\] \("report\.pdf"\), page 2 has 13888 x 5 pixels/
  })
  await service.quiet()
})

t.test('damaged, empty and encrypted documents', async t => {
  const service = await startService(t, {}, engine)
  const encrypted = makePdf([red], {
    objects: [`<< /Filter /Standard /V 1 /R 2 /O <${'41'.repeat(32)}> /U <${'42'.repeat(32)}> /P -4 >>`],
    trailer: '/Encrypt 10000 0 R /ID [<00> <00>]'
  })
  const cases: Array<[Buffer, number, string, RegExp]> = [
    [Buffer.from('%PDF-1.7\n'), 422, 'CORRUPT_IMAGE', /it is truncated or damaged/],
    [makePdf([]), 422, 'CORRUPT_IMAGE', /it has no pages/],
    [encrypted, 422, 'DOCUMENT_ENCRYPTED', /^images\[0\] \("report\.pdf"\) needs a password/]
  ]
  for (const [data, wanted, code, sentence] of cases) {
    const { status, body } = await ask(service.url, { message: WHAT }, [pdf(data)])
    t.equal(status, wanted)
    t.match(body, { code, error: sentence, image: 0, field: 'images[0]' })
  }
  await service.quiet()
})

t.test('a PDF in a JSON body', async t => {
  const service = await startService(t, {}, engine)
  for (const pages of ['3', 3]) {
    const { status, body } = await askJson(service.url, { message: WHAT, pages, images: [uriOf(report)] })
    t.equal(status, 200, body.error)
    t.match(body.images, [{ document: { name: '', page: 3 } }])
    t.equal(body.response, 'A green square on a white background.')
  }
  await service.quiet()
})

t.test('parts of type file on /v1', async t => {
  const service = await startService(t, {}, engine)
  const data = uriOf(report)
  const text = { type: 'text', text: WHAT }
  const shapes: Array<[string, object, object?]> = [
    ['chat completions', { type: 'file', file: { filename: 'report.pdf', file_data: data, pages: '2' } }],
    ['base64 alone', { type: 'file', file: { file_data: report.toString('base64'), pages: 2 } }],
    ['Responses', { type: 'input_file', filename: 'report.pdf', file_data: data }, { pages: '2' }],
    ['Anthropic', {
      type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: report.toString('base64') }
    }, { pages: '2' }],
    ['an image', { type: 'image_url', image_url: { url: data } }, { pages: '2' }]
  ]
  for (const [name, part, more] of shapes) {
    const { status, body } = await complete(service.url, [part, text], more)
    t.equal(status, 200, JSON.stringify(body.error))
    t.equal(body.choices?.[0].message.content, 'A blue square on a white background.', name)
  }
  const two = [
    { type: 'file', file: { filename: 'a.pdf', file_data: data, pages: '1' } },
    { type: 'file', file: { filename: 'b.pdf', file_data: data, pages: '2-3' } }
  ]
  const { body } = await complete(service.url, [...two, { type: 'text', text: DESCRIBE }])
  t.match(body.choices[0].message.content, /red.*blue.*green/s)

  const ninth = { type: 'file', file: { filename: 'b.pdf', file_data: data, pages: '9' } }
  const refused = await complete(service.url, [ninth, text])
  t.match(refused.body.error, {
    param: 'messages[0].content[0].file.pages',
    message: /names page 9, but messages\[0\]\.content\[0\]\.file\.file_data \("b\.pdf"\) has 3 pages/
  })
  const byId = await complete(service.url, [{ type: 'file', file: { file_id: 'file-1' } }, text])
  t.match(byId.body.error, { param: 'messages[0].content[0].file.file_id', message: /send the file as a data URI/ })
  await service.quiet()
})

t.test('frames of an animation', async t => {
  const service = await startService(t, {}, engine)
  const colours = ['red', 'blue', 'green', 'yellow']
  const frames = await Promise.all(colours.map(colour => drawShape('square', colour, 'white')))
  const raw = await Promise.all(frames.map(frame => sharp(frame).ensureAlpha().raw().toBuffer()))
  const animation = sharp(Buffer.concat(raw), { raw: { width: 140, height: 560, channels: 4, pageHeight: 140 } })
  const delay = [100, 200, 300, 400]
  for (const format of ['gif', 'webp'] as const) {
    const encoder = animation.clone()
    const data = await (format === 'gif' ? encoder.gif({ delay }) : encoder.webp({ delay, lossless: true })).toBuffer()
    const file = { data, name: `a.${format}`, type: `image/${format}` }
    const { status, body } = await ask(service.url, { message: DESCRIBE, frames: '2' }, [file])
    t.equal(status, 200, body.error)
    t.match(body.images, [
      { format, id: idOf(data), frame: { number: 1, frames: 4, time_ms: 0 } },
      { format, frame: { number: 3, frames: 4, time_ms: 300 } }
    ])
    t.match(body.response, /red.*green/s)
    const history = JSON.stringify([{ role: 'user', content: 'Hi', images: [body.images[1]!.id] }])
    const again = await ask(service.url, { message: WHAT, history }, [], [file])
    t.match(again.body.images, [{ frame: { number: 3 } }])
    t.equal((await ask(service.url, { message: WHAT }, [file])).body.images[0]?.frame, undefined)
  }
  const still = await ask(service.url, { message: WHAT, frames: '4' }, [frames[0]!])
  t.match(still.body.images, { length: 1 })
  await service.quiet()
})
