import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { isIP } from 'node:net'
import path from 'node:path'
import t, { type Test } from 'tap'
import {
  createLoopback, createTestFetcher, fetchAll, FIELD, listen, never, startHost, startRawHost, type ImageHost
} from './image-host.ts'

const BYTES = Buffer.from('a picture')
const refused = (fault: string) => ({
  code: 'IMAGE_URL_REFUSED',
  statusCode: 400,
  message: `The image at "${FIELD}" was not fetched: after a redirect, ${fault}`
})
const failed = (fault: string) =>
  ({ code: 'IMAGE_URL_FAILED', statusCode: 400, message: `The image at "${FIELD}" could not be fetched: ${fault}` })

const HOST = 'its host is not on the list of allowed hosts; send it as a data URI'

/** A host that redirects /<n> to /<n-1> and has an image at /0. */
function startRedirecting (t: Test, status = 302): Promise<ImageHost> {
  return startHost(t, ({ url = '' }, response) => {
    if (url === '/0') response.end(BYTES)
    else response.writeHead(status, { location: `/${Number(url.slice(1)) - 1}` }).end('moved')
  })
}

t.test('follows every kind of redirect, at most three in a row', async t => {
  for (const status of [301, 302, 303, 307, 308]) {
    const host = await startRedirecting(t, status)
    const fetcher = createTestFetcher(host.port)
    for (const redirects of [0, 1, 3]) {
      t.ok(
        (await fetchAll(fetcher, `http://pictures.test:${host.port}/${redirects}`)).equals(BYTES),
      `${redirects} times ${status}`
      )
    }
    t.strictSame(host.requests.map(({ method, url }) => `${method} ${url}`), [
      'GET /0', 'GET /1', 'GET /0', 'GET /3', 'GET /2', 'GET /1', 'GET /0'
    ])
    await t.rejects(
      fetcher.open(`http://pictures.test:${host.port}/4`, FIELD, never), failed('it is redirected more than 3 times')
    )
    t.equal(host.requests.length, 7 + 4, 'the last redirect is not followed')
    await host.quiet()
  }
})

t.test('a redirect loop ends', async t => {
  const host = await startHost(t, ({ url }, response) => response.writeHead(307, { location: url }).end())
  await t.rejects(
    createTestFetcher(host.port).open(`http://pictures.test:${host.port}/round`, FIELD, never),
    failed('it is redirected more than 3 times')
  )
  t.equal(host.requests.length, 4)
  const strict = createTestFetcher(host.port, { maxRedirects: 0 })
  await t.rejects(
    strict.open(`http://pictures.test:${host.port}/round`, FIELD, never), failed('it is redirected more than 0 times')
  )
  await host.quiet()
})

t.test('does not wait for the body of a redirect', async t => {
  const host = await startHost(t, ({ url }, response) => {
    if (url === '/new') response.end(BYTES)
    else response.writeHead(302, { location: '/new', 'content-length': 1e9 }).write('This picture has moved, ')
  })
  t.ok((await fetchAll(createTestFetcher(host.port), `http://pictures.test:${host.port}/old`)).equals(BYTES))
  await host.quiet()
})

t.test('follows a redirect to another allowed host', async t => {
  const other = await startHost(t, (_request, response) => response.end(BYTES))
  const host = await startHost(t, (_request, response) =>
    response.writeHead(302, { location: `//a.cdn.test:${other.port}/x` }).end())
  const fetcher =
    createTestFetcher(0, { hosts: ['pictures.test', '*.cdn.test'], network: createLoopback(host.port, other.port) })
  t.ok((await fetchAll(fetcher, `http://pictures.test:${host.port}/`)).equals(BYTES))
  t.match(other.requests[0], { url: '/x', headers: { host: `a.cdn.test:${other.port}` } })
})

t.test('checks every redirect like the first URL', async t => {
  const inside = await startHost(t, (_request, response) => response.end('secret'))
  const locations: string[] = []
  const host = await startHost(t, ({ url = '' }, response) =>
    response.writeHead(302, { location: locations[Number(url.slice(1))] }).end())
  // Both names resolve to this machine, but only the IPv4 form counts as public.
  const addresses: Record<string, string> = { 'pictures.test': '127.0.0.1', 'inside.test': '::ffff:127.0.0.1' }
  const fetcher = createTestFetcher(0, {
    hosts: ['pictures.test', 'inside.test', '::ffff:7f00:1', '10.0.0.7'],
    network: {
      ...createLoopback(host.port, inside.port),
      resolve: async name => [{ address: addresses[name]!, family: isIP(addresses[name]!) }]
    }
  })
  const cases: Record<string, string[]> = {
    [HOST]: [
      `http://evil.test:${inside.port}/`, `//evil.test:${inside.port}/`, `http://localhost:${inside.port}/`,
      `http://127.0.0.1:${inside.port}/`, `http://0x7f.1:${inside.port}/`, 'http://169.254.169.254/latest/meta-data/'
    ],
    'its host has an address that is not public': [
      `http://inside.test:${inside.port}/`, `http://[::ffff:127.0.0.1]:${inside.port}/`, 'http://10.0.0.7/',
      'https://10.7/'
    ],
    'only http and https are supported': [
      'ftp://pictures.test/', 'file:///etc/passwd', 'data:image/png;base64,AAAA', 'javascript:alert(1)'
    ],
    'its URL contains a user name or a password': [`http://me:secret@pictures.test:${host.port}/0`],
    'only the default ports of http and https are allowed': ['http://pictures.test:22/'],
    'it is not a valid URL': ['http://[::1/', 'http://pictures.test:99999/'],
    'its URL is longer than 8192 characters': [`/${'a'.repeat(8192)}`]
  }
  let hops = 0
  for (const [fault, refused] of Object.entries(cases)) {
    for (const location of refused) {
      locations.push(location)
      const error =
        await fetcher.open(`http://pictures.test:${host.port}/${hops++}`, FIELD, never).catch(error => error)
      t.match(error, { code: 'IMAGE_URL_REFUSED', statusCode: 400 }, location.slice(0, 60))
      t.ok(error.message.endsWith(fault), error.message)
    }
  }
  t.strictSame([host.connections(), inside.connections()], [hops, 0])
  locations.push(`http://evil.test:${inside.port}/`)
  await t.rejects(
    fetcher.open(`http://pictures.test:${host.port}/${hops}`, FIELD, never), refused(HOST), 'and says at what point'
  )
  // The internal host would answer.
  const lax = createTestFetcher(0, { hosts: ['inside.test'], network: createLoopback(inside.port) })
  t.equal((await fetchAll(lax, `http://inside.test:${inside.port}/`)).toString(), 'secret')
})

t.test('reads a location in UTF-8', async t => {
  const host = await startRawHost(t, (socket, request) => {
    socket.end(request.startsWith('GET / ')
      ? 'HTTP/1.1 302 Found\r\nLocation: /图片.png\r\nContent-Length: 0\r\n\r\n'
      : `HTTP/1.1 200 OK\r\n\r\n${request.split(' ')[1]}`)
  })
  t.equal(
    (await fetchAll(createTestFetcher(host.port), `http://pictures.test:${host.port}/`)).toString(),
    encodeURI('/图片.png')
  )
})

t.test('reports a redirect without a valid target', async t => {
  const host = await startHost(t, (_request, response) => response.writeHead(302).end(BYTES))
  await t.rejects(
    createTestFetcher(host.port).open(`http://pictures.test:${host.port}/`, FIELD, never),
    failed('its host answers with status 302')
  )
  await host.quiet()
})

t.test('fetches by https from hosts with a valid certificate', {
  skip: spawnSync('openssl', ['version']).status !== 0 && 'there is no openssl'
}, async t => {
  const files = createCertificate(t, 'pictures.test')
  const server = createServer(files, (_request, response) => response.end(BYTES))
  const host = { ...await listen(t, server), requests: [] }
  const plain = await startHost(t, (_request, response) =>
    response.writeHead(301, { location: `https://pictures.test:${host.port}/` }).end())
  const network = { ...createLoopback(host.port, plain.port), ca: files.cert }
  const hosts = ['pictures.test', 'other.test']
  const fetcher = createTestFetcher(0, { hosts, network })
  t.ok((await fetchAll(fetcher, `https://pictures.test:${host.port}/`)).equals(BYTES))
  t.ok((await fetchAll(fetcher, `http://pictures.test:${plain.port}/`)).equals(BYTES), 'also after a redirect')

  const insecure = failed('a secure connection to its host cannot be established')
  await t.rejects(fetcher.open(`https://other.test:${host.port}/`, FIELD, never), insecure, 'another name')
  await t.rejects(fetcher.open(`https://pictures.test:${plain.port}/`, FIELD, never), insecure, 'no TLS at all')
  const strangers = createTestFetcher(0, { hosts, network: createLoopback(host.port) })
  await t.rejects(strangers.open(`https://pictures.test:${host.port}/`, FIELD, never), insecure, 'nobody has signed it')
  const before = process.env.NODE_TLS_REJECT_UNAUTHORIZED
  t.teardown(() => {
    if (before === undefined) delete process.env.NODE_TLS_REJECT_UNAUTHORIZED
    else process.env.NODE_TLS_REJECT_UNAUTHORIZED = before
  })
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'
  await t.rejects(
    strangers.open(`https://pictures.test:${host.port}/`, FIELD, never), insecure, 'whatever the environment says'
  )
  await host.quiet()
  await plain.quiet()
})

/** Returns a self-signed certificate for one name. */
function createCertificate (t: Test, name: string): { key: string, cert: string } {
  const dir = t.testdir()
  const [key, cert] = [path.join(dir, 'key.pem'), path.join(dir, 'cert.pem')]
  execFileSync('openssl', [
    'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1', '-subj',
    `/CN=${name}`, '-addext', `subjectAltName=DNS:${name}`, '-keyout', key, '-out', cert
  ], { stdio: 'ignore' })
  return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') }
}
