import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { ask, createForm, createTestEngine, drawShape, readEvents, startService } from '../helper.ts'
import { connectRaw, formBody, formHead } from '../raw-client.ts'
import { freePort, NO_NGINX, startNginx } from './nginx.ts'

const engine = await createTestEngine(t)
const image = await drawShape('circle', 'red', 'white')
const MB = 1024 * 1024
const LONG = '{"type":"json_schema","json_schema":{"name":"x","schema":{"type":"string","minLength":20000}}}'

const start = async (t: Test, env = {}) =>
  await startService(t, { MAX_CONCURRENT_REQUESTS: '1', TRUST_PROXY: '127.0.0.1', ...env }, engine)
const portOf = (url: string) => Number(new URL(url).port)

t.test('tokens pass nginx one by one, and a reader that leaves frees its slot', { skip: NO_NGINX }, async t => {
  for (const file of ['nginx.conf', 'nginx-retry.conf']) {
    const service = await start(t)
    const { url } = await startNginx(t, file, [service.port, await freePort()])
    const left = new AbortController()
    const response = await fetch(`${url}/api/chat_stream`, {
      method: 'POST', signal: left.signal, body: createForm({ message: 'Hi', response_format: LONG }, [image])
    })
    t.equal(response.status, 200)
    let tokens = 0
    for await (const { event } of readEvents(response)) {
      if (event === 'token' && ++tokens === 3) break
    }
    t.equal(service.app.slots.stats().taken, 1, 'the answer is still running')
    left.abort()
    await service.quiet()
  }
})

t.test('a 429 arrives long before the end of the upload', { skip: NO_NGINX }, async t => {
  const service = await start(t)
  const { url } = await startNginx(t, 'nginx.conf', [service.port, service.port])
  const slot = service.app.slots.tryTake()!
  const client = await connectRaw(portOf(url))
  client.send(formHead('/api/chat', 20 * MB))
  client.send(Buffer.alloc(100_000))
  const answer = await client.until(/"request_id"/)
  t.match(answer, /^HTTP\/1\.1 429 [^]*"code":"SERVER_BUSY"/)
  t.match(answer, /^retry-after: \d+/mi)
  client.socket.destroy()
  slot.release()
  t.equal((await ask(url, { message: 'Hi' })).status, 200)
})

t.test('with retries in nginx, the instance with a free slot answers', { skip: NO_NGINX }, async t => {
  const [full, free] = [await start(t), await start(t)]
  const { url } = await startNginx(t, 'nginx-retry.conf', [full.port, free.port])
  full.app.slots.tryTake()
  for (let i = 0; i < 4; i++) t.equal((await ask(url, { message: 'What is in the picture?' }, [image])).status, 200)
  t.equal(free.app.slots.stats().served, 4)
  t.ok(full.app.slots.stats().rejected > 0, 'nginx sent requests to the busy instance as well')
})

t.test('an upload of a hundred megabytes passes nginx, and no file of it is left', { skip: NO_NGINX }, async t => {
  // Decoders ignore bytes after the end of an image.
  const large = Buffer.concat([image, Buffer.alloc(20 * MB - image.length)])
  const body = formBody('Describe the images.', Array<Buffer>(5).fill(large))
  for (const file of ['nginx.conf', 'nginx-retry.conf']) {
    const service = await start(t)
    const { url } = await startNginx(t, file, [service.port, await freePort()])
    const client = await connectRaw(portOf(url))
    client.send(formHead('/api/chat', body.length))
    client.send(body)
    const answer = await client.until(/"success":true[^]*\}$|"code"/)
    t.match(answer, /^HTTP\/1\.1 200 /, file)
    t.equal(answer.match(/"bytes":20971520/g)?.length, 5)
    client.socket.destroy()
    await service.quiet()
  }
})

for (const [file, prefix] of [
  ['nginx.conf', ''], ['nginx-retry.conf', ''], ['nginx-prefix.conf', '/sightline']
] as const) {
  t.test(`refusals by ${file} itself have the shape of the service's errors`, { skip: NO_NGINX }, async t => {
    const service = await start(t)
    const { url } = await startNginx(t, file, [service.port, service.port])
    for (const [path, shape] of [
      ['/api/chat', /\{"error":"The request[^"]+","code":"BODY_TOO_LARGE","request_id":"[0-9a-f]{32}"\}$/],
      [
        '/v1/chat/completions',
        /\{"error":\{"message":"The request[^"]+","type":"invalid_request_error","param":null,"code":"BODY_TOO_LARGE",/
      ]
    ] as const) {
      const client = await connectRaw(portOf(url))
      client.send(formHead(prefix + path, 221 * MB))
      const answer = await client.until(/"request_id":"[0-9a-f]{32}"\}/)
      t.match(answer, /^HTTP\/1\.1 413 /)
      t.match(answer, shape)
      client.socket.destroy()
    }

    await service.app.close()
    await sleep(50)
    const status = await fetch(`${url}${prefix}/api/status`)
    t.match([status.status, status.headers.get('retry-after'), await status.json()], [
      503, '5', { code: 'UNREACHABLE', error: /cannot be reached/ }
    ])
    const models = await fetch(`${url}${prefix}/v1/models`)
    t.match([models.status, models.headers.get('retry-after'), await models.json()], [
      503, '5', { error: { code: 'UNREACHABLE', type: 'server_error', message: /cannot be reached/ } }
    ])
  })
}

t.test('clients behind nginx are limited by address, whatever X-Forwarded-For claims', { skip: NO_NGINX }, async t => {
  const service = await start(t, { RATE_LIMIT_ADDRESS: '2' })
  const { url } = await startNginx(t, 'nginx.conf', [service.port, service.port])
  const statuses: number[] = []
  for (let i = 0; i < 3; i++) {
    const response = await fetch(`${url}/api/chat`, {
      method: 'POST', body: createForm({ message: 'Hi' }), headers: { 'x-forwarded-for': `10.0.0.${i}` }
    })
    statuses.push(response.status)
    await response.text()
  }
  t.same(statuses, [200, 200, 429], 'three claimed addresses of one client')
})

t.test('metrics and the description of the API are closed', { skip: NO_NGINX }, async t => {
  const service = await start(t)
  t.equal((await fetch(`${service.url}/metrics`)).status, 200)
  for (const [file, prefix] of [['nginx.conf', ''], ['nginx-retry.conf', ''], ['nginx-prefix.conf', '/sightline']]) {
    const { url } = await startNginx(t, file!, [service.port, service.port])
    for (const path of [
      '/metrics', '/metrics/', '//metrics', '/%6detrics', '/x/../metrics', '/metrics?a', '/docs', '/docs/json'
    ]) {
      const client = await connectRaw(portOf(url))
      client.send(`GET ${prefix}${path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n`)
      const answer = await client.until(/"request_id"/)
      t.match(answer, /^HTTP\/1\.1 403 [^]*application\/json[^]*"code":"FORBIDDEN"/, `${file} ${path}`)
      client.socket.destroy()
    }
    for (const path of ['/openapi.json', '/health/ready', '/v1/models']) {
      t.equal((await fetch(`${url}${prefix}${path}`)).status, 200, `${file} ${path}`)
    }
  }
})
