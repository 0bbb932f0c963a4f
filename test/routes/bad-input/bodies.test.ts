import t from 'tap'
import { connectRaw, formHead } from '../../raw-client.ts'
import { post, postJson, postRaw, refused, service, type Refusal } from './refusals.ts'

/** A part of a form. */
const part = (header: string, value: string) => `--sightline-test\r\n${header}\r\n\r\n${value}\r\n`
const fieldPart = (name: string, value: string, more = '') =>
  part(`Content-Disposition: form-data; name="${name}"${more}`, value)
const FORM_END = '--sightline-test--\r\n'

t.test('an unsupported content type', async t => {
  await refused(t, await post('hello', 'text/plain'), 415, 'UNSUPPORTED_MEDIA_TYPE', /text\/plain/)
  await refused(
    t, await post('message=Hi', 'application/x-www-form-urlencoded'), 415, 'UNSUPPORTED_MEDIA_TYPE', /urlencoded/
  )
})

t.test('no body', async t => {
  await refused(t, await post(null), 400, 'INVALID_JSON', /must be an object/)
})

t.test('a body without a content type', async t => {
  const body = '{"message":"Hi"}'
  await refused(
    t, await postRaw(body, `POST /api/chat HTTP/1.1\r\nHost: test\r\nContent-Length: ${body.length}\r\n\r\n`), 415,
    'UNSUPPORTED_MEDIA_TYPE', /\(none\)/
  )
})

t.test('invalid JSON', async t => {
  await refused(t, await post('{"message":', 'application/json'), 400, 'INVALID_JSON', /JSON body is rejected/)
  await refused(t, await post('', 'application/json'), 400, 'INVALID_JSON', /empty/)
  await refused(t, await post('["Hi"]', 'application/json'), 400, 'INVALID_JSON', /must be an object/)
  await refused(
    t, await post('{"message":"Hi","__proto__":{"admin":true}}', 'application/json'), 400, 'INVALID_JSON', /__proto__/
  )
  await refused(
    t, await post('{"message":"Hi","constructor":{"prototype":{"admin":true}}}', 'application/json'), 400,
    'INVALID_JSON', /constructor/
  )
  await refused(
    t, await post('{"message":"Hi","toString":"x"}', 'application/json'), 400, 'UNKNOWN_FIELD', /"toString"/
  )
  t.notOk('admin' in {})
})

t.test('invalid JSON fields', async t => {
  const uri = (data: string | Buffer) => `data:image/png;base64,${Buffer.from(data).toString('base64')}`
  const cases: Array<[fields: object, status: number, code: string, sentence: RegExp]> = [
    [
      { message: 'Hi', images: [uri(Buffer.alloc(600 * 1024))] }, 413, 'FILE_TOO_LARGE',
      /images\[0\] is larger than 0\.5 MB/
    ],
    [{ message: 'Hi', images: ['data:image/png;base64,'] }, 422, 'EMPTY_FILE', /images\[0\] is empty/],
    [{ message: 'Hi', images: ['file:///etc/passwd'] }, 400, 'INVALID_FIELD', /"images\[0\]" must be a data URI/],
    [{ message: 'Hi', max_tokens: 1.5 }, 400, 'INVALID_FIELD', /"max_tokens" must be an integer/],
    [{ model: 'x', messages: [] }, 400, 'UNKNOWN_FIELD', /Sightline's own interface/],
    [{ message: 'Hi', prompt: 'x' }, 400, 'UNKNOWN_FIELD', /did you mean "message"\?/],
    [{ message: 'Hi', history: [[]] }, 400, 'INVALID_HISTORY', /turn 0 must be an object/],
    [{ message: 'Hi', history_images: 'x' }, 400, 'INVALID_FIELD', /"history_images" must be a list/],
    [
      { message: 'Hi', history_images: ['https://example.com/a.png'] }, 400, 'INVALID_FIELD',
      /"history_images\[0\]" must be a data URI/
    ],
    [{ message: 'Hi', stop: ['a', 5] }, 400, 'INVALID_FIELD', /"stop\[1\]" must be a string/],
    [{ message: 5 }, 400, 'INVALID_FIELD', /"message" must be a string/],
    [{ message: 'Hi', images: 'x' }, 400, 'INVALID_FIELD', /"images" must be a list/],
    [
      { message: 'Hi', images: ['https://example.com/a.png'] }, 400, 'INVALID_FIELD',
      /"images\[0\]" must be a data URI/
    ],
    [{ message: 'Hi', images: ['data:image/png;base64,###'] }, 400, 'INVALID_FIELD', /"images\[0\]"/],
    [{ message: 'Hi', images: [uri('text')] }, 415, 'UNSUPPORTED_IMAGE', /images\[0\]/],
    [{ message: 'x'.repeat(1024 * 1024) }, 413, 'BODY_TOO_LARGE', /larger than 1 MB/]
  ]
  for (const [fields, status, code, sentence] of cases) {
    await refused(t, await postJson(fields), status, code, sentence)
  }
})

t.test('invalid forms', async t => {
  await refused(t, await post('x', 'multipart/form-data'), 400, 'INVALID_MULTIPART', /boundary/i)
  const client = await connectRaw(service.port)
  const body = '--sightline-test\r\nContent-Disposition: form-data; name="images"; filename="a.png"\r\n\r\nhalf'
  client.send(formHead('/api/chat', body.length) + body)
  t.match(await client.until(/"code":"[A-Z_]+"/), /^HTTP\/1\.1 400 [^]*INVALID_MULTIPART/)
  client.socket.destroy()
  await service.quiet()

  const hi = fieldPart('message', 'Hi')
  for (const cut of [
    '--sightline-test\r\nContent-Dispo', hi.slice(0, -2), `${hi}--sightline-test`,
    `${hi}--sightline-test\r\nContent-Dispo`, '--other--\r\n'
  ]) {
    await refused(t, await postRaw(cut), 400, 'INVALID_MULTIPART', /Unexpected end/)
  }
  for (const header of ['Content-Disposition: form-data', 'Content-Disposition: form-data; filename="a.png"']) {
    await refused(t, await postRaw(hi + part(header, 'x') + FORM_END), 400, 'INVALID_MULTIPART', /a part has no name/)
  }
  for (const name of ['__proto__', 'constructor']) {
    await refused(
      t, await postRaw(hi + fieldPart(name, 'x') + FORM_END), 400, 'INVALID_MULTIPART', /prototype property/
    )
  }
  await refused(
    t, await postRaw(hi + fieldPart('history', '[{"role"', '\r\nContent-Type: application/json') + FORM_END), 400,
    'INVALID_HISTORY', /"history" is not valid JSON/
  )
  await refused(t, await postRaw(FORM_END), 400, 'MESSAGE_REQUIRED', /"message"/)
  await refused(
    t, await postRaw(hi + fieldPart('stop', 'x').repeat(251) + FORM_END), 400, 'INVALID_MULTIPART',
    /more than 250 text fields/
  )
})

t.test('unknown routes', async t => {
  for (const [method, path] of [
    ['GET', '/api/chat'], ['GET', '/nothing?secret=1'], ['DELETE', '/api/status']
  ] as const) {
    const response = await fetch(service.url + path, { method })
    const { status, headers } = response
    const body = await response.json() as Refusal['body']
    await refused(t, { status, headers, body }, 404, 'NOT_FOUND', /^Not found: /)
    t.equal(body.error, `Not found: ${method} ${path.split('?')[0]}`)
  }
  await refused(t, await postRaw('', 'GET /%zz HTTP/1.1\r\nHost: test\r\n\r\n'), 400, 'VALIDATION', /%zz/)
})
