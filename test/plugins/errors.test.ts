import t from 'tap'
import * as errors from '../../errors.ts'
import { startService } from '../helper.ts'
import { connectRaw } from '../raw-client.ts'

t.test('every error has a code of its own and a status', async t => {
  const made = Object.values(errors).filter(it => typeof it === 'function' && it !== errors.withDetails) as unknown as Array<new (...args: unknown[]) => errors.SightlineError>
  const codes = made.map(Kind => new Kind('a', 'b', 'c', 'd'))
  t.ok(codes.length > 30)
  t.equal(new Set(codes.map(error => error.code)).size, codes.length)
  for (const { code, statusCode, message } of codes) {
    t.match(code, /^[A-Z][A-Z_]+$/)
    t.ok(statusCode >= 400 && statusCode < 600)
    t.notMatch(message, /%[sd]/, `${code} fills its sentence`)
  }
})

t.test('withDetails adds to what is there', async t => {
  const error = errors.withDetails(errors.withDetails(new errors.NoVisionError(), { a: 1 }), { b: 2 })
  t.same(error.details, { a: 1, b: 2 })
})

t.test('what goes wrong before there is a route has the same shape', async t => {
  const service = await startService(t)
  const client = await connectRaw(service.port)
  client.send('GET /%zz HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n')
  const answer = await client.until(/"request_id":"[^"]+"\}/)
  t.match(answer, /^HTTP\/1\.1 400 [^]*"code":"VALIDATION"/)
  await client.closed
})

t.test('a 503 says when to come back', async t => {
  const service = await startService(t)
  process.kill(service.engine.info().pid!, 'SIGKILL')
  while (service.engine.info().state === 'ready') await new Promise(resolve => setTimeout(resolve, 5))
  const response = await fetch(`${service.url}/api/chat`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"message":"Hi"}' })
  t.equal(response.status, 503)
  t.equal(response.headers.get('retry-after'), '5')
  await response.text()
})
