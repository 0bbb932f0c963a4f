import { createHash } from 'node:crypto'
import { getDefaultAutoSelectFamily, setDefaultAutoSelectFamily } from 'node:net'
import path from 'node:path'
import sharp from 'sharp'
import t from 'tap'
import { createImageFetcher, type Address } from '../../../services/uploads/fetch-image.ts'
import { isPublicAddress } from '../../../services/uploads/public-address.ts'
import { saveFile } from '../../../services/uploads/save-file.ts'
import { createLoopback, createTestFetcher, fetchAll, FIELD, never, startHost } from './image-host.ts'

const png = await sharp({ create: { width: 64, height: 64, channels: 3, background: 'teal' } }).png().toBuffer()
const refused = (fault: string) => ({
  code: 'IMAGE_URL_REFUSED',
  statusCode: 400,
  message: `The image at "${FIELD}" was not fetched: ${fault}`,
  details: { field: FIELD }
})

const SCHEME = 'only http and https are supported'
const HOST = 'its host is not on the list of allowed hosts; send it as a data URI'
const ADDRESS = 'its host has an address that is not public'
const NOT_A_URL = 'it is not a valid URL'

t.test('fetches an image from an allowed host', async t => {
  const host = await startHost(t, (_request, response) => response.setHeader('content-type', 'text/html').end(png))
  const stream =
    await createTestFetcher(host.port).open(`http://pictures.test:${host.port}/a/b.png?size=l&x=%20#top`, FIELD, never)
  const saved = await saveFile(stream, path.join(t.testdir(), '0.upload'), never)
  t.strictSame(
    saved, { bytes: png.length, id: `sha256:${createHash('sha256').update(png).digest('hex')}` },
    'whatever type the host says it is'
  )
  t.match(host.requests[0], { method: 'GET', url: '/a/b.png?size=l&x=%20' })
  await host.quiet()
})

t.test('sends the host only what it needs', async t => {
  const host = await startHost(t, (request, response) => {
    response.setHeader('set-cookie', 'id=1; Path=/')
    if (request.url === '/') response.writeHead(302, { location: '/next' })
    response.end(png)
  })
  const fetcher = createTestFetcher(host.port)
  for (let i = 0; i < 2; i++) await fetchAll(fetcher, `http://pictures.test:${host.port}/`)
  t.equal(host.requests.length, 4)
  for (const { headers } of host.requests) {
    t.strictSame(headers, {
      accept: 'image/*, application/pdf',
      'accept-encoding': 'identity',
      'user-agent': 'sightline',
      host: `pictures.test:${host.port}`,
      connection: 'close'
    })
  }
})

t.test('accepts an allowed host in every spelling', async t => {
  const host = await startHost(t, (_request, response) => response.end(png))
  const asked: string[] = []
  const fetcher = createTestFetcher(host.port, {
    hosts: ['pictures.test', 'xn--bcher-kva.test'],
    network: {
      ...createLoopback(host.port),
      resolve: async name => { asked.push(name); return [{ address: '127.0.0.1', family: 4 }] }
    }
  })
  for (const name of [
    'PICTURES.Test', 'ｐictures。test', 'p%69ctures.test', 'bücher.test', 'BÜCHER.test', 'xn--bcher-kva.test'
  ]) {
    t.ok((await fetchAll(fetcher, ` hTTp://${name}:${host.port}/\n`)).equals(png), name)
  }
  t.strictSame([...new Set(asked)], ['pictures.test', 'xn--bcher-kva.test'])
})

t.test('a wildcard allows subdomains only', async t => {
  const host = await startHost(t, (_request, response) => response.end(png))
  const fetcher = createTestFetcher(host.port, { hosts: ['*.cdn.test', '*.0.0.1'] })
  for (const name of ['a.cdn.test', 'a.b.cdn.test', 'cdn.test.cdn.test']) {
    t.ok((await fetchAll(fetcher, `http://${name}:${host.port}/`)).equals(png), name)
  }
  const before = host.connections()
  for (const name of [
    'cdn.test', '.cdn.test', 'evilcdn.test', 'cdn.test.evil.test', 'a.cdn.test.', '*.cdn.tests', '127.0.0.1'
  ]) {
    await t.rejects(fetcher.open(`http://${name}:${host.port}/`, FIELD, never), refused(HOST), name)
  }
  t.equal(host.connections(), before)
})

t.test('refuses URLs that are not allowed, without a lookup', async t => {
  const host = await startHost(t, (_request, response) => response.end(png))
  let lookups = 0
  const resolve = async () => { lookups++; return [{ address: '127.0.0.1', family: 4 }] }
  const fetcher = createTestFetcher(host.port, { network: { ...createLoopback(host.port), resolve } })
  const cases: Record<string, string[]> = {
    [NOT_A_URL]: [
      '', 'pictures.test/a.png', '//pictures.test/a.png', 'http://', 'http://pictures.test:99999/', 'http://[::1/',
      'http://1.2.3.4.5/', 'http://[fe80::1%25eth0]/', 'http://pic tures.test/'
    ],
    [SCHEME]: [
      'ftp://pictures.test/a.png', 'file:///etc/passwd', 'javascript:alert(1)', 'data:image/png;base64,AAAA',
      'blob:http://pictures.test/1', 'ws://pictures.test/', 'constructor://pictures.test/'
    ],
    'its URL contains a user name or a password': [
      `http://me@pictures.test:${host.port}/`, `http://me:secret@pictures.test:${host.port}/`,
      `http://:secret@pictures.test:${host.port}/`
    ],
    [HOST]: ['http://evil.test/', 'http://pictures.test.evil.test/', 'http://xpictures.test/', 'http://test/', 'http://pictures.test./', 'http://evil.test\\@pictures.test/', 'http://evil.test/@pictures.test',
      'http://evil.test#@pictures.test/', 'http://evil.test?pictures.test', `http://127.0.0.1:${host.port}/`, `http://0x7f.1:${host.port}/`, `http://[::ffff:127.0.0.1]:${host.port}/`],
    'only the default ports of http and https are allowed': [
      'http://pictures.test:22/', 'http://pictures.test:443/', 'https://pictures.test:80/', 'http://pictures.test:0/'
    ],
    'its URL is longer than 8192 characters': [`http://pictures.test/${'a'.repeat(8192)}`]
  }
  for (const [fault, urls] of Object.entries(cases)) {
    for (const url of urls) await t.rejects(fetcher.open(url, FIELD, never), refused(fault), url.slice(0, 60))
  }
  t.strictSame([lookups, host.connections()], [0, 0])
  // The same hosts and ports, with a URL that is allowed, would have moved the counters.
  await fetchAll(fetcher, `http://pictures.test:${host.port}/`)
  t.strictSame([lookups, host.connections()], [1, 1])
})

t.test('fetches nothing if no host is allowed', async t => {
  const host = await startHost(t, (_request, response) => response.end(png))
  const fetcher = createTestFetcher(host.port, { hosts: [] })
  await t.rejects(
    fetcher.open(`http://pictures.test:${host.port}/`, FIELD, never),
    refused('this service does not fetch images; send it as a data URI')
  )
  t.equal(host.connections(), 0)
})

t.test('allows only the default ports without further configuration', async t => {
  const fetcher = createImageFetcher({
    hosts: ['pictures.test'], maxFileSizeMb: 1, network: { resolve: async () => [{ address: '127.0.0.1', family: 4 }] }
  })
  await t.rejects(
    fetcher.open('http://pictures.test:8080/', FIELD, never),
    refused('only the default ports of http and https are allowed')
  )
  // These URLs reach the lookup.
  for (const url of [
    'http://pictures.test/', 'http://pictures.test:80/', 'https://pictures.test/', 'https://pictures.test:443/'
  ]) await t.rejects(fetcher.open(url, FIELD, never), refused(ADDRESS), url)
})

t.test('never contacts an internal address, even an allowed one, in any spelling', async t => {
  const host = await startHost(t, (_request, response) => response.end(png))
  const spellings = [
    '127.0.0.1', '127.1', '0x7f.1', '0X7F000001', '2130706433', '017700000001', '0177.0.0.1', '127.0.0.1.', '①②⑦.0.0.1',
    '127。0。0。1', '%31%32%37.0.0.1'
  ]
  const others = [
    '0.0.0.0', '0', '10.0.0.1', '169.254.169.254', '192.168.1.1', '[::1]', '[::]', '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]', '[0:0:0:0:0:ffff:127.0.0.1]', '[::127.0.0.1]', '[64:ff9b::127.0.0.1]', '[64:ff9b::7f00:1]',
    '[2002:7f00:1::]', '[fd00::1]', '[fe80::1]'
  ]
  const hosts = [...spellings, ...others].map(name => new URL(`http://${name}/`).hostname.replace(/[[\]]/g, ''))
  const strict =
    createTestFetcher(host.port, { hosts, network: { ...createLoopback(host.port), isPublic: isPublicAddress } })
  for (const name of [...spellings, ...others]) {
    await t.rejects(strict.open(`http://${name}:${host.port}/`, FIELD, never), refused(ADDRESS), name)
  }
  t.equal(host.connections(), 0)
  // Each spelling would have reached the host.
  const lax = createTestFetcher(host.port, { hosts })
  for (const name of spellings) t.ok((await fetchAll(lax, `http://${name}:${host.port}/`)).equals(png), name)
})

t.test('never connects to a host that resolves to an internal address', async t => {
  const host = await startHost(t, (_request, response) => response.end(png))
  const inside = { address: '127.0.0.1', family: 4 }
  const outside = { address: '93.184.216.34', family: 4 }
  const answers: Address[][] = [[inside], [inside, outside], [outside, inside], [{ address: '::1', family: 6 }], [
    { address: '::ffff:127.0.0.1', family: 6 }, outside
  ],
  [{ address: '10.0.0.7', family: 4 }], [{ address: 'fe80::1%lo', family: 6 }], [{ address: 'localhost', family: 4 }]]
  for (const answer of answers) {
    const fetcher = createTestFetcher(host.port, {
      network: { ...createLoopback(host.port), isPublic: isPublicAddress, resolve: async () => answer }
    })
    const error = await fetcher.open(`http://pictures.test:${host.port}/`, FIELD, never).catch(error => error)
    t.match(error, refused(ADDRESS), JSON.stringify(answer))
    t.notMatch(
      JSON.stringify([error.message, error.sentence('zh'), error.details]), /127|10\.|::|93\./,
      'and does not tell the address'
    )
  }
  t.equal(host.connections(), 0)
})

t.test('checks the answers of the real DNS', async t => {
  const host = await startHost(t, (_request, response) => response.end(png))
  const url = `http://localhost:${host.port}/`
  const strict = createImageFetcher({ hosts: ['localhost'], maxFileSizeMb: 1, network: { ports: [host.port] } })
  await t.rejects(strict.open(url, FIELD, never), refused(ADDRESS))
  t.equal(host.connections(), 0)
  const lax = createImageFetcher({
    hosts: ['localhost'], maxFileSizeMb: 1, network: { ports: [host.port], isPublic: () => true }
  })
  t.ok((await fetchAll(lax, url)).equals(png))
})

t.test('connects to the checked address, even if a later DNS answer differs', {
  skip: process.platform !== 'linux' && '127.0.0.2 is not there'
}, async t => {
  // 127.0.0.2 stands for the internet and 127.0.0.1 for the internal network, at the same port.
  const inside = await startHost(t, (_request, response) => response.end('secret'))
  const outside = await startHost(t, (request, response) => {
    if (request.url === '/moved') response.writeHead(302, { location: '/' })
    response.end(png)
  }, '127.0.0.2', inside.port)
  const answers: string[] = []
  const fetcher = createTestFetcher(inside.port, {
    network: {
      ports: [inside.port],
      isPublic: address => address === '127.0.0.2',
      resolve: async () => [{ address: answers.shift() ?? '127.0.0.1', family: 4 }]
    }
  })
  const select = getDefaultAutoSelectFamily()
  t.teardown(() => setDefaultAutoSelectFamily(select))
  for (const autoSelect of [true, false]) {
    setDefaultAutoSelectFamily(autoSelect)
    answers.push('127.0.0.2')
    t.ok((await fetchAll(fetcher, `http://pictures.test:${inside.port}/`)).equals(png), 'one lookup is all there is')
    await t.rejects(
      fetcher.open(`http://pictures.test:${inside.port}/`, FIELD, never), refused(ADDRESS),
      'the next fetch checks again'
    )
    answers.push('127.0.0.2')
    await t.rejects(
      fetcher.open(`http://pictures.test:${inside.port}/moved`, FIELD, never), refused(ADDRESS),
      'as does a redirect to the same host'
    )
  }
  t.strictSame([outside.connections(), inside.connections()], [4, 0])
  await outside.quiet()
})
