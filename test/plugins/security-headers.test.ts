import t from 'tap'
import { ask, createForm, startService } from '../helper.ts'

const service = await startService(t)
const CLOSED = "default-src 'none';base-uri 'none';form-action 'none';frame-ancestors 'none'"

t.test('every answer has headers that forbid browsers to run, embed or share it', async t => {
  const answers = {
    json: await fetch(`${service.url}/health/ready`),
    stream: await fetch(`${service.url}/api/chat_stream`, {
      method: 'POST', body: createForm({ message: 'Hi', max_tokens: '2' }, [])
    }),
    'stream of /v1': await fetch(`${service.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        model: service.engine.info().model, stream: true, max_tokens: 2, messages: [{ role: 'user', content: 'Hi' }]
      })
    }),
    refusal: await fetch(`${service.url}/api/chat`, { method: 'POST', body: createForm({}, []) }),
    'unknown path': await fetch(`${service.url}/nothing-here`)
  }
  for (const [name, { headers, status }] of Object.entries(answers)) {
    t.equal(headers.get('content-type')?.startsWith('text/event-stream'), name.startsWith('stream'))
    t.match(Object.fromEntries(headers), {
      'content-security-policy': CLOSED,
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cross-origin-resource-policy': 'same-origin',
      'cross-origin-opener-policy': 'same-origin'
    }, `${name}, ${status}`)
    t.equal(headers.get('server'), null)
    t.equal(headers.get('x-powered-by'), null)
  }
  await Promise.all(Object.values(answers).map(answer => answer.text()))
  await service.quiet()
})

t.test('the API documentation may run its own scripts only, also without TLS', async t => {
  const { headers, status } = await fetch(`${service.url}/docs/`)
  t.equal(status, 200)
  const policy = headers.get('content-security-policy')!
  t.match(policy, /^default-src 'none';/)
  t.match(policy, /script-src 'self'(;| 'sha256-)/)
  t.notMatch(policy, /unsafe|https:|\*|upgrade-insecure-requests/)
})

t.test('no answer contains paths or stack traces of the service', async t => {
  for (const body of [{}, { message: 1 }, { message: 'Hi', history: 'not JSON' }, { message: 'Hi', max_tokens: -1 }]) {
    const response = await fetch(`${service.url}/api/chat`, {
      method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body)
    })
    const text = await response.text()
    t.ok(response.status >= 400 && response.status < 500)
    t.notMatch(text, /node_modules|\.ts|\.js|at .*\(|\/(work|app|home|root|tmp|usr)\//)
  }
  t.equal((await ask(service.url, { message: 'Hi' })).status, 200)
})
