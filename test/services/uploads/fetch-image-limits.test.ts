import { getEventListeners } from 'node:events'
import { existsSync, readdirSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import path from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { createImageFetcher } from '../../../services/uploads/fetch-image.ts'
import { saveFile } from '../../../services/uploads/save-file.ts'
import { createLoopback, createTestFetcher, fetchAll, FIELD, never, startHost, startRawHost } from './image-host.ts'

const failed = (fault: string) => ({
  code: 'IMAGE_URL_FAILED',
  statusCode: 400,
  message: `The image at "${FIELD}" could not be fetched: ${fault}`,
  details: { field: FIELD }
})
const LIMIT_MB = 0.001
const LIMIT_BYTES = 1048
const tooLarge = {
  code: 'FILE_TOO_LARGE',
  statusCode: 413,
  message: `${FIELD} is larger than ${LIMIT_MB} MB`,
  details: { field: FIELD, limit_mb: LIMIT_MB }
}
const urlOf = ({ port }: { port: number }) => `http://pictures.test:${port}/`

t.test('accepts a file of the maximum size and refuses one byte more', async t => {
  let size = 0
  let chunked = false
  const host = await startHost(t, (_request, response) => {
    if (!chunked) response.setHeader('content-length', size)
    response.write(Buffer.alloc(size - 1, 'x'))
    response.end('x')
  })
  const fetcher = createTestFetcher(host.port, { maxFileSizeMb: LIMIT_MB })
  for (chunked of [false, true]) {
    size = LIMIT_BYTES
    t.equal((await fetchAll(fetcher, urlOf(host))).length, LIMIT_BYTES)
    size = LIMIT_BYTES + 1
    await t.rejects(fetchAll(fetcher, urlOf(host)), tooLarge, chunked ? 'found while it comes' : 'told in advance')
  }
  await host.quiet()
})

t.test('refuses a declared length that is too large before the body arrives', async t => {
  const host =
    await startHost(t, (_request, response) => response.writeHead(200, { 'content-length': 1e12 }).flushHeaders())
  await t.rejects(createTestFetcher(host.port, { maxFileSizeMb: LIMIT_MB }).open(urlOf(host), FIELD, never), tooLarge)
  await host.quiet()
})

t.test('aborts an endless body', async t => {
  let sent = 0
  const host = await startHost(t, (_request, response) => {
    const endless = new Readable({
      read (size) {
        sent += size
        this.push(Buffer.alloc(size))
      }
    })
    endless.pipe(response)
  })
  const file = path.join(t.testdir(), '0.upload')
  const stream = await createTestFetcher(host.port, { maxFileSizeMb: 1 }).open(urlOf(host), FIELD, never)
  await t.rejects(saveFile(stream, file, never), { code: 'FILE_TOO_LARGE', message: `${FIELD} is larger than 1 MB` })
  await host.quiet()
  t.ok(sent < 64 * 1024 * 1024, `${sent} bytes were sent`)
})

t.test('one deadline covers everything from the lookup to the last byte', async t => {
  const timeoutMs = 250
  const late = failed('it takes longer than 0.25 seconds')
  let answer: 'never' | 'drip' | 'detours' = 'never'
  const host = await startHost(t, async (_request, response) => {
    if (answer === 'detours') setTimeout(() => response.writeHead(302, { location: '/' }).end(), 100)
    if (answer === 'drip') {
      for (; !response.destroyed; await sleep(20)) response.write('.')
    }
  })
  const fetcher = createTestFetcher(host.port, { timeoutMs })
  const measure = async (what: string, fetching: () => Promise<unknown>) => {
    const start = performance.now()
    await t.rejects(fetching(), late, what)
    const ms = performance.now() - start
    t.ok(ms >= timeoutMs - 5 && ms < timeoutMs + 1500, `${what}: ${Math.round(ms)} ms`)
    await host.quiet()
  }
  await measure('no answer', () => fetcher.open(urlOf(host), FIELD, never))
  answer = 'drip'
  await measure('byte by byte', () => fetchAll(fetcher, urlOf(host)))
  answer = 'detours'
  await measure('one redirect after the other', () => fetcher.open(urlOf(host), FIELD, never))
  const nameless = createTestFetcher(host.port, {
    timeoutMs, network: { ...createLoopback(host.port), resolve: () => new Promise(() => {}) }
  })
  await measure('DNS without an answer', () => nameless.open(urlOf(host), FIELD, never))
})

t.test('an abort by the caller ends every stage', async t => {
  const reason = new Error('The client left')
  let answer: 'nothing' | 'half' = 'nothing'
  const host = await startHost(
    t,
    (_request, response) => { if (answer === 'half') response.writeHead(200, { 'content-length': 1000 }).write('half') }
  )
  const fetcher = createTestFetcher(host.port)

  await t.rejects(fetcher.open(urlOf(host), FIELD, AbortSignal.abort(reason)), reason, 'before')
  t.equal(host.connections(), 0)

  let answerDns!: () => void
  const asked = new Promise<void>(resolve => { answerDns = resolve })
  const slow = createTestFetcher(host.port, {
    network: {
      ...createLoopback(host.port), resolve: async () => { await asked; return [{ address: '127.0.0.1', family: 4 }] }
    }
  })
  const left = new AbortController()
  const looking = slow.open(urlOf(host), FIELD, left.signal)
  await sleep(10)
  left.abort(reason)
  await t.rejects(looking, reason, 'during the lookup')
  await sleep(10)
  answerDns()
  await sleep(50)
  t.equal(host.connections(), 0, 'and then it does not connect any more')

  const impatient = new AbortController()
  const waiting = fetcher.open(urlOf(host), FIELD, impatient.signal)
  while (host.requests.length === 0) await sleep(5)
  impatient.abort(reason)
  await t.rejects(waiting, reason, 'before the response')
  await host.quiet()

  answer = 'half'
  for (const save of [false, true]) {
    const controller = new AbortController()
    const stream = await fetcher.open(urlOf(host), FIELD, controller.signal)
    const reading: Promise<unknown> =
      save ? saveFile(stream, path.join(t.testdir(), 'a'), controller.signal) : buffer(stream)
    await sleep(20)
    controller.abort(reason)
    await t.rejects(reading, reason, 'during the body')
    t.equal(getEventListeners(controller.signal, 'abort').length, 0)
    await host.quiet()
  }
})

t.test('reports a host that cannot be found or reached', async t => {
  const gone = createServer()
  await new Promise<void>(resolve => gone.listen(0, '127.0.0.1', resolve))
  const { port } = gone.address() as AddressInfo
  await new Promise(resolve => gone.close(resolve))
  const error = await createTestFetcher(port).open(urlOf({ port }), FIELD, never).catch(error => error)
  t.match(error, failed('its host cannot be reached'))
  t.equal(error.cause.code, 'ECONNREFUSED', 'those who debug find out more')
  t.notMatch(JSON.stringify([error.message, error.sentence('zh'), error.details]), /127/)
  const both = {
    ...createLoopback(port),
    resolve: async () => [{ address: '127.0.0.1', family: 4 }, { address: '127.0.0.1', family: 4 }]
  }
  await t.rejects(
    createTestFetcher(port, { network: both }).open(urlOf({ port }), FIELD, never),
    failed('its host cannot be reached'), 'at any of its addresses'
  )

  const nowhere = failed('its host cannot be found')
  const real = createImageFetcher({ hosts: ['*.invalid'], maxFileSizeMb: 1 })
  await t.rejects(real.open('http://pictures.invalid/', FIELD, never), nowhere)
  await t.rejects(real.open(`http://${'a'.repeat(300)}.invalid/`, FIELD, never), nowhere, 'a name that is none')
  await t.rejects(createTestFetcher(port, { network: { ...createLoopback(port), resolve: async () => [] } }).open(
    urlOf({ port }), FIELD, never
  ), nowhere, 'a name without addresses')
})

t.test('refuses every status except 200', async t => {
  let status = 0
  const host = await startHost(t, (_request, response) =>
    response.writeHead(status).end(status === 204 || status === 304 ? undefined : 'a page'))
  for (status of [201, 204, 206, 300, 304, 401, 403, 404, 410, 429, 500, 503]) {
    await t.rejects(
      createTestFetcher(host.port).open(urlOf(host), FIELD, never), failed(`its host answers with status ${status}`)
    )
  }
  await host.quiet()
})

t.test('refuses responses that are not valid HTTP', async t => {
  const broken = failed('the connection broke off')
  const cases: Array<[what: string, bytes: string, fault: typeof broken]> = [
    ['nothing', '', broken],
    ['half a head', 'HTTP/1.1 200 OK\r\nContent-Le', broken],
    ['less than told', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf', broken],
    ['a chunk cut off', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nhalf', broken],
    ['no last chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n', broken],
    ['a chunk without a size', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nmany\r\nhalf', broken],
    [
      'another protocol', 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n',
      broken
    ],
    ['a greeting', 'SSH-2.0-OpenSSH_9.2\r\n', failed('its host does not answer in valid HTTP')],
    [
      'two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\nabcde',
      failed('its host does not answer in valid HTTP')
    ],
    [
      'a length and chunks',
      'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
      failed('its host does not answer in valid HTTP')
    ],
    [
      'a huge head', `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(100_000)}\r\n\r\n`,
      failed('its host does not answer in valid HTTP')
    ],
    [
      'packed', 'HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nxxx',
      failed('its host sent it compressed, which this service does not accept')
    ]
  ]
  for (const [what, bytes, fault] of cases) {
    const host = await startRawHost(t, socket => { socket.end(bytes) })
    await t.rejects(fetchAll(createTestFetcher(host.port), urlOf(host)), fault, what)
    await host.quiet()
  }
})

t.test('accepts a body that ends with the connection, and ignores bytes after a body', async t => {
  for (const bytes of [
    'HTTP/1.0 200 OK\r\n\r\nabc',
    'HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Encoding: Identity\r\nContent-Length: 3\r\n\r\n' +
      'abcHTTP/1.1 200 OK\r\n\r\nmore',
    'HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc'
  ]) {
    const host =
      await startRawHost(t, socket => { bytes.includes('keep-alive') ? socket.write(bytes) : socket.end(bytes) })
    t.equal((await fetchAll(createTestFetcher(host.port), urlOf(host))).toString(), 'abc')
    await host.quiet()
  }
})

t.test('an error is kept for a late reader', async t => {
  const host = await startRawHost(t, socket => { socket.end('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf') })
  const stream = await createTestFetcher(host.port).open(urlOf(host), FIELD, never)
  await new Promise<void>(resolve => stream.once('close', resolve))
  await t.rejects(saveFile(stream, path.join(t.testdir(), 'a'), never), failed('the connection broke off'))
})

t.test('a stream that is not read to its end leaves no connection open', async t => {
  const host = await startHost(t, (_request, response) =>
    response.writeHead(200, { 'content-length': 900_000 }).write(Buffer.alloc(800_000)))
  const forgotten = await createTestFetcher(host.port, { timeoutMs: 150 }).open(urlOf(host), FIELD, never)
  await host.quiet()
  t.match(forgotten.errored, failed('it takes longer than 0.15 seconds'))

  const signal = new AbortController().signal
  const stream = await createTestFetcher(host.port).open(urlOf(host), FIELD, signal)
  stream.destroy()
  await host.quiet()
  const refusedByDisk = await createTestFetcher(host.port).open(urlOf(host), FIELD, signal)
  await t.rejects(saveFile(refusedByDisk, path.join(t.testdir(), 'gone', 'a'), signal), { code: 'STORAGE' })
  await host.quiet()
  t.equal(getEventListeners(signal, 'abort').length, 0)
})

t.test('leaves no connections or listeners after many different fetches', async t => {
  const host = await startHost(t, ({ url }, response) => {
    if (url === '/good') response.end('abc')
    if (url === '/large') response.end(Buffer.alloc(5000))
    if (url === '/cut') response.writeHead(200, { 'content-length': 9 }).write('abc', () => response.destroy())
    if (url === '/moved') response.writeHead(302, { location: '/good' }).end()
    if (url === '/evil') response.writeHead(302, { location: 'http://evil.test/' }).end()
    if (url === '/404') response.writeHead(404).end()
  })
  const patient = createTestFetcher(host.port, { maxFileSizeMb: LIMIT_MB })
  const hasty = createTestFetcher(host.port, { timeoutMs: 30 })
  const { signal } = new AbortController()
  const openFiles = () => existsSync('/proc/self/fd') ? readdirSync('/proc/self/fd').length : 0
  const round = () => Promise.all(['good', 'large', 'cut', 'moved', 'evil', '404', 'silent'].map(name =>
    fetchAll(name === 'silent' ? hasty : patient, `${urlOf(host)}${name}`, signal).then(String, error => error.code)))
  const expected =
    ['abc', 'FILE_TOO_LARGE', 'IMAGE_URL_FAILED', 'abc', 'IMAGE_URL_REFUSED', 'IMAGE_URL_FAILED', 'IMAGE_URL_FAILED']
  t.strictSame(await round(), expected)
  await host.quiet()
  const before = openFiles()
  for (let i = 0; i < 20; i++) t.strictSame(await round(), expected)
  await host.quiet()
  await sleep(20)
  t.ok(openFiles() <= before + 1, `${before} before, ${openFiles()} after`)
  t.equal(getEventListeners(signal, 'abort').length, 0)
})

t.test('has every sentence in Chinese', async t => {
  let status = 302
  const host = await startHost(t, (_request, response) => response.writeHead(status, { location: '/' }).end())
  const fetcher = createTestFetcher(host.port)
  const sentences = []
  for (const url of ['x', 'ftp://x', 'http://a:b@x', 'http://x', 'http://pictures.test:22', urlOf(host)]) {
    sentences.push((await fetcher.open(url, FIELD, never).catch(error => error)).sentence('zh'))
  }
  status = 404
  sentences.push((await fetcher.open(urlOf(host), FIELD, never).catch(error => error)).sentence('zh'))
  t.strictSame(sentences.map(sentence => sentence.split('：')[1]), [
    '它不是有效的 URL', '只支持 http 和 https', 'URL 中含有用户名或密码', '其主机不在允许之列，请以 data URI 发送', '只允许 http 和 https 的默认端口',
    '重定向超过 3 次', '其主机返回状态码 404'
  ])
})
