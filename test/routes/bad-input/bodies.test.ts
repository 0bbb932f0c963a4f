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
    await refused(t, await postRaw(cut), 400, 'INVALID_MULTIPART', /unexpected end/i)
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
  const cases: Array<[method: string, path: string, advice: RegExp]> = [
    ['GET', '/nothing?secret=1', /^Not found: GET \/nothing$/],
    ['POST', '/v1/responses', /; use POST \/v1\/chat\/completions$/],
    ['POST', '/v1/completions', /; use POST \/v1\/chat\/completions$/],
    ['POST', '/v1/messages', /; use POST \/v1\/chat\/completions$/],
    ['POST', '//v1/chat/', /; use POST \/v1\/chat\/completions$/],
    ['POST', '/v1/embeddings', /this service has POST \/v1\/chat\/completions and GET \/v1\/models$/],
    ['GET', '/v1', /this service has POST \/v1\/chat\/completions and GET \/v1\/models$/],
    ['POST', '/chat/completions', /base URL .* with \/v1/],
    ['GET', '/models', /base URL .* with \/v1/],
    ['POST', '/openai/deployments/x/chat/completions', /base URL .* with \/v1/],
    ['POST', '/v1/v1/chat/completions', /base URL .* with \/v1/],
    ['POST', '/v1/deployments/x/chat/completions', /base URL .* with \/v1/],
    ['POST', '/v1/chat/completions/chat/completions', /base URL .* with \/v1/],
    ['POST', '/api/generate', /this service has POST \/api\/chat,/],
    ['GET', '/api/tags', /this service has POST \/api\/chat,/],
    ['POST', '/chat', /this service has POST \/api\/chat,/]
  ]
  for (const [method, path, advice] of cases) {
    const { status, headers, body } = await ask(method, path)
    const sentence = path.startsWith('/v1') || path.startsWith('//v1') ? (body.error as never)['message'] : body.error
    t.equal(status, 404)
    t.match(sentence, advice, path)
    t.notMatch(sentence, /secret/)
    t.type(headers.get('x-request-id'), 'string')
  }
  await refused(t, await postRaw('', 'GET /%zz HTTP/1.1\r\nHost: test\r\n\r\n'), 400, 'VALIDATION', /%zz/)
})

t.test('a wrong method gets 405 and the right one', async t => {
  for (const [method, path, allowed] of [
    ['GET', '/api/chat', 'POST'], ['PUT', '/api/chat_stream/', 'POST'], ['DELETE', '/api/status?a=1', 'GET'],
    ['POST', '/', 'GET'], ['POST', '/health/live', 'GET']
  ] as const) {
    const reply = await ask(method, path)
    const sentence = `${method} is not supported at ${path.split('?')[0]}; use ${allowed}`
    await refused(t, reply, 405, 'METHOD_NOT_ALLOWED', new RegExp(`^${sentence}$`))
    t.equal(reply.headers.get('allow'), allowed)
  }
  const { status, headers, body } = await ask('GET', '/v1/chat/completions')
  t.equal(status, 405)
  t.equal(headers.get('allow'), 'POST')
  t.match(body.error, { code: 'METHOD_NOT_ALLOWED', message: /; use POST$/ })
})

t.test('fields in the query of the address are refused by name', async t => {
  for (const [path, field] of [
    ['/api/chat?max_tokens=1', 'max_tokens'], ['/api/chat_stream?a=1&system=Hi', 'system']
  ] as const) {
    const reply = await ask('POST', path)
    await refused(t, reply, 400, 'INVALID_FIELD', /is in the query of the address; send it in the body/)
    t.equal(reply.body.field, field)
  }
  const { status, body } = await ask('POST', '/v1/chat/completions?stream=true')
  t.equal(status, 400)
  t.match(body.error, { code: 'INVALID_FIELD', param: 'stream' })
  const azure = await ask('POST', '/v1/chat/completions?api-version=2024-10-21')
  t.match(azure.body.error, { code: 'INVALID_JSON' }, 'other names are ignored')
})

t.test('JSON in which a name is given twice or a text is not UTF-8 is refused', async t => {
  for (const [bytes, sentence] of [
    [Buffer.from('{"message":"Hi","max_tokens":1,"max_tokens":2}'),
      /an object has the name "max_tokens" twice at byte 31/],
    [Buffer.from('{"message":"caf\xe9"}', 'latin1'), /a string is not in UTF-8 at byte 11/],
    [Buffer.from('{"m\xe9":1}', 'latin1'), /a string is not in UTF-8 at byte 1/]
  ] as const) {
    await refused(t, await post(bytes as never, 'application/json'), 400, 'INVALID_JSON', sentence)
  }
})

async function ask (method: string, path: string): Promise<Refusal> {
  const response = await fetch(service.url + path, { method })
  return { status: response.status, headers: response.headers, body: await response.json() as Refusal['body'] }
}
