import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import { createUpstreams } from '../../../../services/engine/upstream/upstreams.ts'
import { until } from '../../../server-process.ts'
import { listModels } from './front.ts'

/** Starts a server whose list of models can change. */
async function startList (t: Test, answer: RequestListener) {
  const list = { answer, url: '', requests: 0 }
  const server = createServer((request, response) => {
    list.requests++
    list.answer(request, response)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  list.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/`
  return list
}

function watch (t: Test, urls: string[], model = '') {
  const lines: Array<Record<string, unknown>> = []
  const log = pino({}, { write: (line: string) => { lines.push(JSON.parse(line)) } })
  const upstreams = createUpstreams({ urls, apiKey: '', model, log, intervalMs: 50, timeoutMs: 300 })
  t.teardown(() => upstreams.close())
  const take = (...tried: object[]) => upstreams.take('', new Set(tried as never))
  return { upstreams, lines, take }
}

const fail = (status: number, body = ''): RequestListener => (_request, response) => {
  response.writeHead(status)
  response.end(body)
}

t.test('an upstream can become ready, fail and become ready again', async t => {
  const list = await startList(t, listModels('a'))
  const { upstreams, lines, take } = watch(t, [list.url])
  t.match(upstreams, {
    ready: false, everReady: false, model: '', reason: { en: 'the model server has not answered yet' }
  })
  await upstreams.firstReady
  t.match(upstreams, { ready: true, everReady: true, model: 'a' })

  list.answer = fail(503)
  await until(() => !upstreams.ready)
  t.equal(take(), null)
  t.equal(upstreams.reason.en, 'the model server cannot be reached')
  list.answer = listModels('b')
  await until(() => upstreams.ready)
  t.equal(upstreams.model, 'b', 'a single upstream can change its model')
  const count = lines.length
  await until(() => list.requests > 10)
  t.equal(lines.length, count, 'no log line without a change')
  t.same(lines.map(({ msg, reason, model }) => [msg, reason ?? model]), [
    ['upstream ready', 'a'],
    ['upstream not ready', 'it returned status 503'],
    ['upstream ready', 'b']
  ])
})

t.test('an unreachable upstream is not used until a check succeeds', async t => {
  const list = await startList(t, listModels('a'))
  const { upstreams, take } = watch(t, [list.url])
  await upstreams.firstReady
  const taken = take()!
  t.equal(taken.inFlight, 1)
  upstreams.miss(taken, 'ECONNREFUSED')
  upstreams.miss(taken, 'ECONNREFUSED')
  t.equal(take(), null)
  upstreams.giveBack(taken)
  await until(() => upstreams.ready)
  t.match(take(), { inFlight: 1 })
})

t.test('one timeout of a check is tolerated, a second one is not', async t => {
  const list = await startList(t, listModels('a'))
  const { upstreams, lines } = watch(t, [list.url])
  await upstreams.firstReady
  list.answer = () => {}
  const { requests } = list
  await until(() => list.requests === requests + 2)
  t.equal(upstreams.ready, true)
  await until(() => !upstreams.ready)
  t.match(lines.at(-1), { reason: 'it did not return its list of models in time' })
})

t.test('the log contains the reason why an upstream is not ready', async t => {
  for (const [answer, model, reason] of [
    [fail(404), '', /no path \/models under ENGINE_URL/],
    [fail(403), '', /refuses ENGINE_API_KEY/],
    [fail(200, 'hello'), '', /not JSON/],
    [fail(200, '[]'), '', /no "data"/],
    [fail(200, 'null'), '', /no "data"/],
    [listModels(), '', /lists no models/],
    [listModels('a', 'b'), 'c', /does not serve ENGINE_MODEL=c, only a, b/]
  ] as const) {
    const { lines } = watch(t, [(await startList(t, answer)).url], model)
    await until(() => lines.length > 0)
    t.match(lines[0]!.reason, reason)
  }
})

t.test('the owner of the model identifies another Sightline', async t => {
  const models = [{ id: 'a', owned_by: 'llamacpp' }, { id: 'b', owned_by: 'sightline' }, { id: 'c' }]
  for (const [model, sightline] of [['a', false], ['b', true], ['c', false], ['', false]] as const) {
    const list = await startList(t, (_request, response) => { response.end(JSON.stringify({ data: models })) })
    const { upstreams, take } = watch(t, [list.url], model)
    await upstreams.firstReady
    t.match(take(), { model: model || 'a', sightline })
  }
})

t.test('upstreams with different models get their own model names, and a warning is logged', async t => {
  const lists = [await startList(t, listModels('a')), await startList(t, listModels('b'))]
  const { upstreams, lines, take } = watch(t, lists.map(({ url }) => url))
  await until(() => lines.length === 3)
  const [first, second] = [take()!, take()!]
  t.same([first.model, second.model].sort(), ['a', 'b'])
  t.equal(take(first, second), null)
  t.match(lines.find(({ level }) => level === 40), {
    msg: 'upstreams serve different models', expected: upstreams.model
  })
})

t.test('closing aborts a running check', async t => {
  const list = await startList(t, () => {})
  const { upstreams } = watch(t, [list.url])
  await until(() => list.requests === 1)
  upstreams.close()
  await t.rejects(upstreams.firstReady)
})
