import t from 'tap'
import { ask, askStream, createForm, createTestEngine, drawShape, startService } from '../helper.ts'

const engine = await createTestEngine(t)
const red = await drawShape('circle', 'red', 'white')
const blue = await drawShape('square', 'blue', 'yellow')

/** Figures by name and labels, e.g. `sightline_tokens_total{kind="prompt"}`. */
async function figuresOf (url: string): Promise<Map<string, number>> {
  const response = await fetch(`${url}/metrics`)
  t.match(response.headers.get('content-type'), /^text\/plain; version=0\.0\.4/)
  const lines = (await response.text()).split('\n').filter(line => line !== '' && !line.startsWith('#'))
  t.same(lines.filter(line => !/^[a-z_]\w*(\{[a-z_]\w*="[^"]*"(,[a-z_]\w*="[^"]*")*\})? (-?[\d.e+-]+|Nan|\+Inf)$/.test(line)), [])
  return new Map(lines.map(line => {
    const at = line.lastIndexOf(' ')
    return [line.slice(0, at), Number(line.slice(at + 1))]
  }))
}

t.test('requests are counted once each, by how they ended', async t => {
  const service = await startService(t, { MAX_CONCURRENT_REQUESTS: '2' }, engine)
  const { url } = service
  const { body } = await ask(url, { message: 'Describe the images.' }, [red, blue])
  await askStream(url, { message: 'What is in picture 2?' }, [red])
  await ask(url, { message: 'Hi', temperature: 'warm' })
  await ask(url, { message: 'Hi' }, [red.subarray(0, 60)])
  // Refused before there is anything to admit.
  await fetch(`${url}/v1/chat/completions`, { method: 'POST', body: '{', headers: { 'content-type': 'application/json' } })
  const taken = [service.app.slots.tryTake()!, service.app.slots.tryTake()!]
  await ask(url, { message: 'Hi' })
  const busy = await figuresOf(url)
  for (const slot of taken) slot.release()

  // One that leaves while it is answered, and one that leaves while it sends.
  const left = new AbortController()
  const response = await fetch(`${url}/api/chat_stream`, { method: 'POST', signal: left.signal, body: createForm({ message: 'Hi', response_format: '{"type":"json_schema","json_schema":{"name":"x","schema":{"type":"string","minLength":20000}}}' }) })
  await response.body!.getReader().read()
  left.abort()
  await service.quiet()

  const figures = await figuresOf(url)
  const endings = Object.fromEntries([...figures].filter(([name]) => name.startsWith('sightline_requests_total')).map(([name, count]) => [name.replace('sightline_requests_total', ''), count]))
  t.same(endings, {
    '{route="/api/chat",ending="ANSWERED"}': 1,
    '{route="/api/chat_stream",ending="ANSWERED"}': 1,
    '{route="/api/chat",ending="INVALID_FIELD"}': 1,
    '{route="/api/chat",ending="CORRUPT_IMAGE"}': 1,
    '{route="/v1/chat/completions",ending="INVALID_JSON"}': 1,
    '{route="/api/chat",ending="SERVER_BUSY"}': 1,
    '{route="/api/chat_stream",ending="CLIENT_LEFT"}': 1
  })
  t.equal(busy.get('sightline_slots_taken'), 2)
  for (const [name, value] of Object.entries({ slots: 2, slots_taken: 0, queue_length: 0, upload_folders: 0, engine_ready: 1, engine_restarts: 0, vram_bytes: 0 })) t.equal(figures.get(`sightline_${name}`), value, name)

  t.equal(figures.get('sightline_pictures_total{cached="false"}'), 2)
  t.equal(figures.get('sightline_pictures_total{cached="true"}'), 1)
  t.ok(figures.get('sightline_tokens_total{kind="prompt"}')! > body.usage.prompt_tokens)
  for (const stage of ['queue', 'upload', 'prepare', 'encode', 'prefill', 'decode', 'first_token', 'total']) t.equal(figures.get(`sightline_stage_seconds_count{stage="${stage}"}`), 2, stage)
  t.ok(figures.get('sightline_stage_seconds_sum{stage="total"}')! >= body.timings.total_ms / 1000)
  t.ok(figures.get('sightline_token_gap_seconds_count')! >= body.usage.completion_tokens / 2)
  t.ok(figures.get('sightline_image_cache_pictures')! >= 2)
  t.ok(figures.get('sightline_engine_resident_bytes')! > 1e6)
  t.ok(figures.get('process_resident_memory_bytes')! > 1e6)
})

t.test('where keys are asked for, the figures want one too', async t => {
  const { url } = await startService(t, { API_KEYS: 'a-key-of-the-team-0123456789' }, engine)
  t.equal((await fetch(`${url}/metrics`)).status, 401)
  t.equal((await fetch(`${url}/metrics`, { headers: { authorization: 'Bearer a-key-of-the-team-0123456789' } })).status, 200)
})
