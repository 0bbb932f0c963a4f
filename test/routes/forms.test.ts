import { Buffer } from 'node:buffer'
import t from 'tap'
import { FormData as UndiciFormData, request as undiciRequest, type Dispatcher } from 'undici'
import { createTestEngine, drawShape, startService, type Reply } from '../helper.ts'

const engine = await createTestEngine(t)
const service = await startService(t, {}, engine)
const red = await drawShape('circle', 'red', 'white')
const blue = await drawShape('square', 'blue', 'yellow')

interface Part { head: string, body: string | Buffer }
/** A part as a client writes it. */
const part = (disposition: string, body: string | Buffer, ...more: string[]): Part =>
  ({ head: [`Content-Disposition: form-data; ${disposition}`, ...more].join('\r\n'), body })
const named = (name: string, body: string | Buffer, ...more: string[]) => part(`name="${name}"`, body, ...more)
const image = (name: string, body = red, filename = 'a.png') =>
  part(`name="${name}"; filename="${filename}"`, body, 'Content-Type: image/png')
const hi = named('message', 'What is in the picture?')

async function send (...parts: Part[]): Promise<Reply> {
  const boundary = '------------------------d74496d66958873e'
  const chunks = parts.flatMap(({ head, body }) => [`--${boundary}\r\n${head}\r\n\r\n`, body, '\r\n'])
  const bytes = Buffer.concat([...chunks, `--${boundary}--\r\n`].map(chunk => Buffer.from(chunk as string)))
  const response = await fetch(`${service.url}/api/chat`, {
    method: 'POST',
    body: new Uint8Array(bytes),
    headers: { 'content-type': `multipart/form-data; boundary=${boundary}` }
  })
  return { status: response.status, headers: response.headers, body: await response.json() as never }
}

const RED = 'A red circle on a white background.'
const BLUE = 'A blue square on a yellow background.'
const HISTORY = [{ role: 'user', content: 'Hi' }, { role: 'assistant', content: 'Hello' }]
const json = 'Content-Type: application/json'
const base64 = (body: Buffer | string) =>
  Buffer.from(body).toString('base64').replace(/.{76}/g, '$&\r\n')
const BASE64 = 'Content-Transfer-Encoding: base64'
/** Number of prompt tokens of the form with the history, sent as one JSON text. */
const withHistory =
  (await send(hi, image('images'), named('history', JSON.stringify(HISTORY)))).body.usage.prompt_tokens

t.test('forms as clients send them', async t => {
  const history = JSON.stringify(HISTORY)
  const turn = (i: number) => [
    named(`history[${i}][role]`, HISTORY[i]!.role), named(`history[${i}][content]`, HISTORY[i]!.content)
  ]
  const cases: Array<[client: string, parts: Part[], response?: string]> = [
    ['curl, browsers', [hi, image('images')]],
    ['axios postForm, PHP, Rails: images[]', [hi, image('images[]')]],
    ['qs, object-to-formdata: images[0]', [hi, image('images[0]')]],
    ['an HTML form in which nothing is chosen in a second input', [
      hi, image('images'), part('name="images"; filename=""', '', 'Content-Type: application/octet-stream')
    ]],
    ['.NET ByteArrayContent: no file name and no type', [hi, named('images', red)]],
    ['reqwest, Go: a type and no file name', [hi, named('images', red, 'Content-Type: image/png')]],
    ['kubb: JSON with a file name', [hi, image('images'), part('name="history"; filename="blob"', history, json)]],
    ['Spring: JSON without a file name', [hi, image('images'), named('history', history, json)]],
    ['Spring, kubb: a text as JSON', [
      part('name="message"; filename="blob"', '"What is in the picture?"', json), image('images')
    ]],
    ['a text that is called JSON', [named('message', 'What is in the picture?', json), image('images')]],
    ['a Blob without a type', [
      part('name="message"; filename="blob"', 'What is in the picture?', 'Content-Type: application/octet-stream'),
      image('images')
    ]],
    ['curl -F message=@question.txt', [
      part('name="message"; filename="question.txt"', '\uFEFFWhat is in the picture?', 'Content-Type: text/plain'),
      image('images')
    ]],
    ['response_format as a JSON part with a name', [
      hi, image('images'), part('name="response_format"; filename="format.json"', '{"type":"text"}', json)
    ]],
    ['axios: history[0][role]', [hi, image('images'), ...turn(1), ...turn(0)]],
    ['.NET: history[0].role', [
      hi, image('images'), ...[0, 1].flatMap(i => [
        named(`history[${i}].role`, HISTORY[i]!.role), named(`history[${i}].content`, HISTORY[i]!.content)
      ])
    ]],
    ['a JSON turn per field: history[]', [
      hi, image('images'), ...HISTORY.map(turn => named('history[]', JSON.stringify(turn)))
    ]],
    ['axios: history{}', [hi, image('images'), named('history{}', history)]],
    [
      'stop[] and empty stop strings', [hi, image('images'), named('stop[]', ' on a'), named('stop[]', '')],
      'A red circle'
    ],
    ['stop[1], stop[0]', [hi, image('images'), named('stop[1]', 'x'), named('stop[0]', ' on a')], 'A red circle'],
    ['Python email: an image in base64', [
      hi, part('name="images"; filename="a.png"', base64(red), 'Content-Type: image/png', BASE64)
    ]],
    ['aiohttp: a text in base64', [named('message', base64('What is in the picture?'), BASE64), image('images')]],
    ['JSON in base64', [hi, image('images'), named('history', base64(history), json, BASE64)]],
    ['optional fields left empty', [
      hi, image('images'), named('seed', ''), named('stop', ''), named('history', '', json)
    ]]
  ]
  for (const [client, parts, response = RED] of cases) {
    const reply = await send(...parts)
    t.equal(reply.status, 200, `${client}: ${reply.body.error}`)
    t.equal(reply.body.response, response, client)
    t.equal(reply.body.images?.length, 1, client)
    if (parts.some(({ head }) => head.includes('name="history'))) {
      const isEmpty = parts.some(({ head, body }) => head.includes('"history"') && body === '')
      if (!isEmpty) t.equal(reply.body.usage.prompt_tokens, withHistory, `${client}: the history arrives`)
    }
  }
  await service.quiet()
})

t.test('numbers give the order of images', async t => {
  const first = (await send(hi, image('images[1]', red), image('images[0]', blue))).body
  const second = (await send(hi, image('images', blue), image('images', red))).body
  t.same(first.images.map(({ id }) => id), second.images.map(({ id }) => id))
  t.equal(first.response, second.response)
  const bad = (await send(hi, image('images[4]', Buffer.from('text')), image('images[2]', red))).body
  t.match(bad, { code: 'UNSUPPORTED_IMAGE', field: 'images[4]', image: 1 })
})

t.test('a form with no image at all is a question without images', async t => {
  const nothing = part('name="images"; filename=""', '', 'Content-Type: application/octet-stream')
  const { status, body } = await send(named('message', 'Hi'), nothing, nothing, named('images', ''))
  t.equal(status, 200)
  t.same(body.images, [])
})

t.test('refusals say what to do instead', async t => {
  const named422 = part('name="images"; filename="a.png"', '', 'Content-Type: image/png')
  const cases: Array<[client: string, parts: Part[], status: number, body: object]> = [
    ['a named file without bytes', [hi, named422], 422, { code: 'EMPTY_FILE', field: 'images[0]' }],
    ['multer tutorials: file', [hi, image('file')], 400, {
      code: 'UNKNOWN_FIELD',
      field: 'file',
      suggestion: 'images',
      error: 'Field "file" is unknown; did you mean "images"?'
    }],
    ['image', [hi, image('image')], 400, { code: 'UNKNOWN_FIELD', suggestion: 'images' }],
    ['files[]', [hi, image('files[]')], 400, { code: 'UNKNOWN_FIELD', suggestion: 'images' }],
    ['Ollama: prompt', [named('prompt', 'Hi'), image('images')], 400, { code: 'UNKNOWN_FIELD', suggestion: 'message' }],
    ['OpenAI: model', [named('model', 'x'), hi], 400, { code: 'UNKNOWN_FIELD', error: /OpenAI's is at \/v1/ }],
    ['qs: response_format[type]', [hi, named('response_format[type]', 'text')], 400, {
      error: /send "response_format" as one field/
    }],
    ['a data URI as text', [hi, named('images', 'data:image/png;base64,AAAA')], 400, {
      code: 'INVALID_FIELD', field: 'images', error: /must be a file in a form/
    }],
    ['an image as message', [image('message')], 400, {
      code: 'INVALID_FIELD', field: 'message', error: /must be text/
    }],
    [
      'a text that is not UTF-8',
      [part('name="message"; filename="a.txt"', Buffer.from([0xE9, 0x20]), 'Content-Type: text/plain')], 400,
      { code: 'INVALID_FIELD', error: /UTF-8/ }
    ],
    ['JSON that is not JSON', [hi, part('name="history"; filename="blob"', '[{', json)], 400, {
      code: 'INVALID_HISTORY'
    }],
    ['quoted-printable', [hi, named('system', '=48', 'Content-Transfer-Encoding: quoted-printable')], 400, {
      code: 'INVALID_FIELD', field: 'system', error: /quoted-printable/
    }],
    ['base64 that is none', [hi, named('images', '####', 'Content-Type: image/png', BASE64)], 400, {
      code: 'INVALID_FIELD', error: /of its base64, which base64/
    }],
    ['base64 that is cut', [hi, named('images', 'AAAAA', 'Content-Type: image/png', BASE64)], 400, {
      code: 'INVALID_FIELD', error: /truncated/
    }],
    ['a part without Content-Disposition', [hi, { head: 'Content-Type: image/png', body: red }], 400, {
      code: 'INVALID_MULTIPART', error: /part 2 has no header Content-Disposition/
    }],
    ['a part without any header', [{ head: 'X: y', body: 'Hi' }, hi], 400, { error: /part 1 has no header/ }],
    [
      'an attachment of an e-mail', [hi, { head: 'Content-Disposition: attachment; filename="a.png"', body: red }],
      400, { error: /part 2 has no header/ }
    ],
    ['a part without a name', [hi, part('filename="a.png"', red)], 400, { error: /a part has no name/ }],
    ['images[0] twice', [hi, image('images[0]'), image('images[0]')], 400, {
      code: 'INVALID_FIELD', field: 'images[0]', error: /more than once/
    }],
    ['history[0] twice', [hi, named('history[0]', '{}'), named('history[0][role]', 'user')], 400, {
      error: /more than once/
    }],
    ['a turn without content', [hi, named('history[3][role]', 'user')], 400, {
      code: 'INVALID_HISTORY', error: 'Field "history" turn 0 must have "content"'
    }]
  ]
  for (const [client, parts, status, body] of cases) {
    const reply = await send(...parts)
    t.equal(reply.status, status, `${client}: ${reply.body.error}`)
    t.match(reply.body, body, client)
  }
  await service.quiet()
})

t.test('real clients: fetch, and undici with its own FormData', async t => {
  const formOf = <F extends { append (name: string, value: unknown, filename?: string): void }>(form: F): F => {
    form.append('message', new Blob(['What is in the picture?'], { type: 'text/plain' }))
    form.append('images[]', new File([new Uint8Array(blue)], 'photo.png', { type: 'image/png' }))
    form.append('images[]', new File([], ''))
    form.append('history', new Blob([JSON.stringify(HISTORY)], { type: 'application/json' }))
    form.append('response_format', new Blob(['{"type":"text"}']))
    return form
  }
  const url = `${service.url}/api/chat`
  const viaFetch = await (await fetch(url, { method: 'POST', body: formOf(new FormData()) })).json() as Reply['body']
  t.equal(viaFetch.response, BLUE, viaFetch.error)
  const body = formOf(new UndiciFormData()) as unknown as Dispatcher.RequestOptions['body']
  const viaUndici = await (await undiciRequest(url, { method: 'POST', body })).body.json() as Reply['body']
  t.equal(viaUndici.response, BLUE, viaUndici.error)
  await service.quiet()
})

t.test('texts in other character sets are decoded, and texts in none are refused', async t => {
  const type = (charset: string) => `Content-Type: text/plain; charset=${charset}`
  const properties = { café: { type: 'null' } }
  const schema = { type: 'object', properties, required: ['café'], additionalProperties: false }
  const format = JSON.stringify({ type: 'json_schema', json_schema: { name: 'x', schema } })
  const cases: Array<[what: string, format: Part]> = [
    ['latin1', named('response_format', Buffer.from(format, 'latin1'), type('ISO-8859-1'))],
    ['a name in quotes', named('response_format', Buffer.from(format, 'latin1'), type('"windows-1252"'))],
    ['utf-16', named('response_format', Buffer.from(format, 'utf16le'), type('utf-16le'))],
    ['utf-8', named('response_format', Buffer.from(format), type('UTF-8'))],
    ['a file', part('name="response_format"; filename="a.txt"', Buffer.from(format, 'latin1'), type('latin1'))]
  ]
  for (const [what, format] of cases) {
    const { status, body } = await send(hi, image('images'), format)
    t.equal(status, 200, what)
    t.same(JSON.parse(body.response), { café: null }, what)
  }
  const refusals: Array<[part: Part, sentence: RegExp]> = [
    [named('message', Buffer.from('caf\xe9', 'latin1')), /"message" has bytes that are not UTF-8; send text in UTF-8/],
    [named('system', 'Hi', type('x-unknown')), /"system" has the unknown character set x-unknown; send text in UTF-8/]
  ]
  for (const [part, sentence] of refusals) {
    const { status, body } = await send(...part.head.includes('"message"') ? [] : [hi], part, image('images'))
    t.equal(status, 400)
    t.match(body, { code: 'INVALID_FIELD', error: sentence })
  }
})

t.test('fields that are not set, switches and fields of frameworks', async t => {
  const cases: Array<[client: string, parts: Part[]]> = [
    ['FormData.append with null', [named('seed', 'null'), named('top_k', 'undefined'), named('thinking', 'null')]],
    ['a checkbox', [named('thinking', 'false')]],
    ['Rails', [named('utf8', '✓'), named('authenticity_token', 'abc'), named('commit', 'Send')]],
    ['browsers', [named('_charset_', 'UTF-8')]],
    ['Laravel', [named('_token', 'abc'), named('_method', 'POST')]]
  ]
  for (const [client, parts] of cases) {
    const { status, body } = await send(...parts, hi, image('images'))
    t.equal(status, 200, client)
    t.equal(body.response, RED, client)
  }
})

t.test('turns without numbers follow each other', async t => {
  const turns = HISTORY.flatMap(({ role, content }) => [
    named('history[][role]', role), named('history[][content]', content)
  ])
  const { status, body } = await send(hi, image('images'), ...turns)
  t.equal(status, 200)
  t.equal(body.usage.prompt_tokens, withHistory)
})
