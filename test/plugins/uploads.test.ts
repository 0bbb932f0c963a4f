import t from 'tap'
import { drawShape, startService } from '../helper.ts'
import { connectRaw, formBody, formHead } from '../raw-client.ts'

t.test('a file is refused as soon as it exceeds the limit, before its end', async t => {
  const service = await startService(t, { MAX_FILE_SIZE_MB: '0.1' })
  const image = await drawShape('circle', 'red', 'white')
  const body = formBody('Hi', [image, Buffer.alloc(1_000_000)])
  // The limit is exceeded in the same piece as the part's head, or in a later one.
  for (const piece of [400_000, 5000]) {
    const client = await connectRaw(service.port)
    client.send(formHead('/api/chat', body.length))
    for (let sent = 0; sent < 400_000; sent += piece) {
      client.send(body.subarray(sent, sent + piece))
      await new Promise(resolve => setTimeout(resolve, 1))
    }
    const answer = await client.until(/"code":"[A-Z_]+"/)
    t.match(
      answer, /^HTTP\/1\.1 413 [^]*images\[1\] \(\\"1\.png\\"\) is larger than 0\.1 MB[^]*"code":"FILE_TOO_LARGE"/
    )
    await service.quiet()
    client.socket.destroy()
  }
})

/** The beginning of a form's part, without the line end after its value. */
const part = (name: string, value: string, type = '') => {
  const typeHeader = type && `\r\nContent-Type: ${type}`
  return `--sightline-test\r\nContent-Disposition: form-data; name="${name}"${typeHeader}\r\n\r\n${value}`
}

t.test('an unknown field is refused when its part begins', async t => {
  const service = await startService(t, {})
  for (const name of ['colour', 'constructorr', 'x'.repeat(5_000)]) {
    const client = await connectRaw(service.port)
    client.send(formHead('/api/chat', 100_000_000))
    client.send(part(name, 'x'))
    const answer = await client.until(/"code":"[A-Z_]+"/)
    t.match(answer, /^HTTP\/1\.1 400 [^]*"code":"UNKNOWN_FIELD"/)
    t.ok(answer.length < 1_500, 'the answer does not repeat a name of kilobytes')
    client.socket.destroy()
    await service.quiet()
  }
})

t.test('the text fields of a form have a common limit, whatever their types are', async t => {
  const service = await startService(t, {})
  const turn = JSON.stringify({ role: 'user', content: 'x'.repeat(1_000_000) })
  const padded = '{"role": "user", "content": "Hi"}'.padEnd(1_000_000)
  for (const type of ['', 'application/json', 'text/plain; charset=utf-8']) {
    const client = await connectRaw(service.port)
    client.send(formHead('/api/chat', 100_000_000))
    for (let i = 0; i < 4; i++) client.send(part('history', padded, type) + '\r\n')
    // The form is refused at the limit, long before its end.
    client.send(part('history', turn, type) + '\r\n--sightline-test')
    const answer = await client.until(/"code":"[A-Z_]+"/)
    t.match(answer, /^HTTP\/1\.1 413 [^]*"code":"FORM_TOO_LARGE"/, type)
    t.match(
      answer, /The text fields of the form up to \\"history\\" are larger than 4194304 bytes in total/, type
    )
    client.socket.destroy()
    await service.quiet()
  }
})

t.test('a part of type application/json is parsed as JSON, within the bounds of JSON', async t => {
  // The limit of files does not apply to text fields.
  const service = await startService(t, { MAX_FILE_SIZE_MB: '0.1' })
  const post = async (fields: Array<[name: string, value: string, type?: string]>) => {
    const body =
      fields.map(([name, value, type]) => part(name, value, type) + '\r\n').join('') + '--sightline-test--\r\n'
    const response = await fetch(`${service.url}/api/chat`, {
      method: 'POST', body, headers: { 'content-type': 'multipart/form-data; boundary=sightline-test' }
    })
    return { status: response.status, body: await response.json() as any }
  }
  const json = 'application/json'
  t.equal((await post([
    ['message', '"Hi"', json], ['history', '[{"role":"user","content":"One"}]', json], ['max_tokens', '3', json]
  ])).status, 200)
  t.equal((await post([
    ['message', 'Hi'], ['max_tokens', '1'], ['history', '[{"role":"user","content":"One"}]'.padEnd(300_000), json]
  ])).status, 200)
  t.match(await post([['message', 'Hi'], ['history', '[', json]]), {
    status: 400, body: { code: 'INVALID_HISTORY', field: 'history' }
  })
  t.equal((await post([['message', 'Hi', json], ['max_tokens', '1']])).status, 200, 'a text that is called JSON')
  t.match(await post([['message', 'Hi'], ['history', `[${'0,'.repeat(60_000)}0]`, json]]), {
    status: 400, body: { code: 'INVALID_HISTORY', limit: 50_000 }
  })
  t.match(await post([['message', 'Hi'], ['history', ' '.repeat(1024 * 1024 + 1), json]]), {
    status: 413, body: { code: 'FIELD_TOO_LARGE', field: 'history' }
  })
  await service.quiet()
})
