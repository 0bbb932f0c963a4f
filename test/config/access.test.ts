import Fastify from 'fastify'
import t from 'tap'
import { loadConfig } from '../../config/config.ts'
import { messageOf } from './message-of.ts'

t.test('accepts proxies that Fastify understands', async t => {
  const { trustProxy } = loadConfig({ TRUST_PROXY: '127.0.0.1, 172.18.0.0/16,::1, fd00::/8, loopback,' })
  t.strictSame(trustProxy, ['127.0.0.1', '172.18.0.0/16', '::1', 'fd00::/8', 'loopback'])
  const app = Fastify({ trustProxy: [...trustProxy] })
  app.get('/', async request => request.ip)
  const response = await app.inject({ url: '/', headers: { 'x-forwarded-for': '203.0.113.7' } })
  t.equal(response.body, '203.0.113.7')
})

t.test('refuses to trust every client and says why', async t => {
  for (const value of ['true', 'TRUE', '*', '0.0.0.0/0', '::/0', '10.0.0.1,0.0.0.0/0']) {
    t.match(messageOf({ TRUST_PROXY: value }), /clients can forge/, value)
  }
})

t.test('refuses proxies that are not addresses', async t => {
  for (const value of [
    'false', '1', 'nginx', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/8/8', '300.0.0.1', '10.0.0.1;10.0.0.2'
  ]) {
    t.match(messageOf({ TRUST_PROXY: value }), /^TRUST_PROXY must be addresses or CIDRs .*, got "/, value)
  }
})

t.test('accepts lists of hosts, keys and origins', async t => {
  const config = loadConfig({
    IMAGE_URL_HOSTS: 'Images.example.com, *.cdn.example.com',
    API_KEYS: 'a-key-of-16-chars,another-key/with+more',
    CORS_ORIGIN: 'https://chat.example.com, http://localhost:3000'
  })
  t.strictSame(config.imageUrlHosts, ['images.example.com', '*.cdn.example.com'])
  t.strictSame(config.apiKeys, ['a-key-of-16-chars', 'another-key/with+more'])
  t.strictSame(config.corsOrigins, ['https://chat.example.com', 'http://localhost:3000'])
  t.match(loadConfig({}), { imageUrlHosts: [], apiKeys: [], corsOrigins: [] })
})

t.test('refuses invalid hosts, keys and origins without printing a key', async t => {
  for (const value of ['https://example.com', 'example.com/path', 'example.com:80', '*', 'a b']) {
    t.match(messageOf({ IMAGE_URL_HOSTS: value }), /^IMAGE_URL_HOSTS must be host names/, value)
  }
  for (const value of ['example.com', 'https://example.com/', 'https://example.com/path', 'null']) {
    t.match(messageOf({ CORS_ORIGIN: value }), /^CORS_ORIGIN must be \* or origins/, value)
  }
  t.match(messageOf({ API_KEYS: 'a-key-of-16-chars,hunter2' }), /^API_KEYS: key 2 must have 16 to 200 printable/)
  t.notMatch(messageOf({ API_KEYS: 'hunter2' }), /hunter2/)
  t.match(messageOf({ API_KEYS: 'a-key-of-16-chars,a-key-of-16-chars' }), /key 2 is a duplicate/)
})
