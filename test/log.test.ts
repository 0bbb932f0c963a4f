import path from 'node:path'
import { pino } from 'pino'
import t from 'tap'
import { buildApp } from '../app.ts'
import { loadConfig } from '../config/config.ts'
import { createForm, createTestEngine, drawShape } from './helper.ts'
import { start, until } from './server-process.ts'

const KEY = 'key-that-nobody-may-read-4711'
const WRONG_KEY = 'wrong-key-that-nobody-may-read-4712'
const WORDS = 'confidential-question-4713'
const NAME = 'confidential-name-4714.png'

t.test('keys, questions, file names and images appear in no log line, whether a request succeeds or fails', async t => {
  const server = await start(t, { UPLOAD_DIR: path.join(t.testdir(), 'uploads'), API_KEYS: KEY, LOG_LEVEL: 'info' })
  const image = await drawShape('circle', 'red', 'white')
  const base64 = image.toString('base64')
  const post = async (url: string, body: string | FormData, headers: Record<string, string> = {}) => {
    const response = await fetch(`${server.url}${url}`, {
      method: 'POST', body, headers: { authorization: `Bearer ${KEY}`, ...headers }
    })
    await response.text()
    return response.status
  }
  const json = { 'content-type': 'application/json' }
  const form = createForm({
    message: WORDS,
    system: WORDS,
    history: JSON.stringify([{ role: 'user', content: WORDS }, { role: 'assistant', content: WORDS }])
  }, [])
  form.append('images', new Blob([new Uint8Array(image)], { type: 'image/png' }), NAME)
  const models = await (await fetch(`${server.url}/v1/models`, {
    headers: { authorization: `Bearer ${KEY}` }
  })).json() as { data: [{ id: string }] }
  const completion = (url: string) => JSON.stringify({
    model: models.data[0].id,
    messages: [{ role: 'user', content: [{ type: 'text', text: WORDS }, { type: 'image_url', image_url: { url } }] }]
  })

  t.same([
    await post('/api/chat', form),
    await post('/api/chat_stream', JSON.stringify({ message: WORDS }), json),
    await post('/v1/chat/completions', completion(`data:image/png;base64,${base64}`), json),
    await post('/v1/chat/completions', completion(`data:image/png;base64,${base64.slice(0, 200)}`), json),
    await post('/v1/chat/completions', completion(`https://example.com/${WORDS}.png?token=${WORDS}`), json),
    await post('/api/chat', JSON.stringify({ message: WORDS, max_tokens: WORDS }), json),
    await post('/api/chat', `{"message": "${WORDS}`, json),
    await post('/api/chat', JSON.stringify({ message: WORDS }), { ...json, authorization: `Bearer ${WRONG_KEY}` }),
    await post('/api/chat', JSON.stringify({ message: WORDS }), { ...json, authorization: '', 'x-api-key': WRONG_KEY })
  ], [200, 200, 200, 422, 400, 400, 400, 401, 401])

  await until(() => server.output().split('request completed').length > 9)
  const lines = server.output()
  for (const secret of [KEY, WRONG_KEY, WORDS, NAME, base64.slice(0, 40), image.toString('hex').slice(0, 40)]) {
    t.notOk(lines.includes(secret), secret.slice(0, 40))
  }
  server.child.kill('SIGTERM')
  await server.exited
})

t.test('probes are logged at debug level, unless they fail', async t => {
  const lines: Array<{ level: number, msg: string, req?: { url: string } }> = []
  const logger = pino({ level: 'debug' }, { write: (line: string) => { lines.push(JSON.parse(line)) } })
  const config = loadConfig({ UPLOAD_DIR: path.join(t.testdir(), 'uploads'), LLAMA_GPU: 'off' })
  const engine = await createTestEngine(t)
  const app = await buildApp({ config, engine, logger: logger as never })
  t.teardown(() => app.close())
  const requestLines = async (url: string) => {
    lines.length = 0
    await app.inject(url)
    return lines.filter(({ msg }) => msg.startsWith('incoming') || msg.startsWith('request')).map(({ level, msg }) =>
      [level, msg])
  }
  const [DEBUG, INFO] = [20, 30]
  for (const url of ['/health/live', '/health/ready', '/metrics']) {
    t.same(await requestLines(url), [[DEBUG, 'incoming request'], [DEBUG, 'request completed']], url)
  }
  t.same(await requestLines('/v1/models'), [[INFO, 'incoming request'], [INFO, 'request completed']])
  await engine.close()
  t.same(await requestLines('/health/ready'), [[DEBUG, 'incoming request'], [INFO, 'request completed']])
  t.equal(lines.at(-1)!.req!.url, '/health/ready', 'the line of a failed probe contains its URL')
})
