import t, { type Test } from 'tap'
import { checkJsonBounds, JsonBoundsError } from '../../services/json-bounds.ts'
import { canMeasureStalls, withStall } from '../event-loop.ts'
import { ask, askJson, createTestEngine, createToolsEngine, startService } from '../helper.ts'

const engine = await createTestEngine(t)
const service = await startService(t, {}, engine)

const DEEP = 100_000
const lists = (depth: number, inside = '') => '['.repeat(depth) + inside + ']'.repeat(depth)
const objects = (depth: number, name: string, inside = '{}') => `{"${name}":`.repeat(depth) + inside + '}'.repeat(depth)
const format = (schema: string) => `{"type":"json_schema","json_schema":{"name":"deep","schema":${schema}}}`

function isWithinBounds (json: string, depth?: number, values?: number): boolean {
  try {
    checkJsonBounds(json, depth, values)
    return true
  } catch (error) {
    if (!(error instanceof JsonBoundsError)) throw error
    return false
  }
}

interface Answer { status: number, code: string, error: string, ms: number }

async function send (route: string, body: string): Promise<Answer> {
  const startedAt = performance.now()
  const response =
    await fetch(service.url + route, { method: 'POST', body, headers: { 'content-type': 'application/json' } })
  const answer = await response.json() as { code: string, error: string & { code: string, message: string } }
  const ms = performance.now() - startedAt
  return {
    status: response.status, code: answer.code ?? answer.error.code, error: answer.error?.message ?? answer.error, ms
  }
}

/** Expects a refusal of an invalid request within two seconds. Recursive or quadratic parsing takes longer. */
function refusedSoon (t: Test, { status, code, error, ms }: Answer, expected: string, sentence: RegExp): void {
  t.equal(status, 400)
  t.equal(code, expected)
  t.match(error, sentence)
  t.ok(ms < 2_000, `${Math.round(ms)} ms`)
}

t.test('the depth of JSON is found without parsing it', async t => {
  const depthOf = (value: unknown): number =>
    typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0
  for (const value of [
    0, 'x', [], {}, [[]], { a: {} }, [{ a: [1, 2, {}] }], [[[]], [[[]]], []], '[[[[', ['[[[['], { '[[[{': ']]]}' },
    ['"[['], ['\\'], ['\\', [[]]], ['\\"', '[['], { '\\"': [['\\\\"[']] }, ['\\\\\\', '[[['], ['é[😀', ['"']]
  ]) {
    for (const json of [JSON.stringify(value), JSON.stringify(value, null, 2)]) {
      const depth = depthOf(value)
      t.ok(isWithinBounds(json, depth), `${json} is not deeper than ${depth}`)
      if (depth > 0) t.notOk(isWithinBounds(json, depth - 1), `${json} is deeper than ${depth - 1}`)
    }
  }
})

t.test('invalid JSON of any form is scanned in linear time', async t => {
  const size = 4_000_000
  for (const text of ['"', '\\', '"\\', '[]', '"]', ']', '\\"', '""', `"${'\\'.repeat(100)}`]) {
    const startedAt = performance.now()
    isWithinBounds(text.repeat(size / text.length))
    isWithinBounds(`"${text.repeat(size / text.length)}`)
    t.ok(
      performance.now() - startedAt < 1_000,
      `${JSON.stringify(text.slice(0, 4))}: ${Math.round(performance.now() - startedAt)} ms`
    )
  }
})

t.test('a body that is too deep at any place is refused while it is parsed', async t => {
  const tooDeep = /^The JSON body is rejected: it is nested deeper than 128 levels$/
  for (const [route, body] of [
    ['/api/chat', lists(DEEP)],
    ['/api/chat', `{"message":${lists(DEEP)}}`],
    ['/api/chat', `{"message":"Hi","history":${lists(DEEP)}}`],
    ['/api/chat', `{"message":"Hi","history":[{"role":"user","content":${objects(DEEP, 'a')}}]}`],
    ['/api/chat_stream', `{"message":"Hi","images":${lists(DEEP)}}`],
    ['/api/chat', `{"message":"Hi","response_format":${format(objects(DEEP, 'items'))}}`],
    ['/api/chat', `{"message":"Hi","response_format":${format(`{"const":${lists(DEEP)}}`)}}`],
    ['/v1/chat/completions', `{"model":"x","messages":${lists(DEEP)}}`],
    ['/v1/chat/completions', `{"model":"x","messages":[{"role":"user","content":${objects(DEEP, 'text')}}]}`],
    [
      '/v1/chat/completions',
      `{"model":"x","messages":[{"role":"user","content":"Hi"}],"response_format":${format(objects(DEEP, 'items'))}}`
    ],
    [
      '/v1/chat/completions',
      `{"model":"x","messages":[{"role":"user","content":"Hi"}],"metadata":${objects(DEEP, 'a')}}`
    ],
    // The largest body that is allowed, with brackets that are never closed.
    ['/api/chat', '['.repeat(4_000_000)]
  ] as const) {
    await t.test(`${route} ${body.slice(0, 80)}`, async t =>
      refusedSoon(t, await send(route, body), 'INVALID_JSON', tooDeep))
  }
  await service.quiet()
})

t.test('deep fields of a form are refused like other invalid fields', async t => {
  const deepTurn = `[{"role":"user","content":${lists(DEEP)}}]`
  for (const [name, value, code] of [
    ['history', lists(DEEP), 'INVALID_HISTORY'],
    ['history', deepTurn, 'INVALID_HISTORY'],
    ['history', objects(DEEP, 'role'), 'INVALID_HISTORY'],
    ['history', '['.repeat(1_000_000), 'INVALID_HISTORY'],
    ['stop', lists(DEEP), 'INVALID_FIELD'],
    ['response_format', lists(DEEP), 'INVALID_FIELD'],
    ['response_format', format(objects(DEEP, 'items')), /^(UNSUPPORTED_SCHEMA|INVALID_FIELD)$/],
    ['response_format', format(`{"const":${lists(DEEP)}}`), /^(UNSUPPORTED_SCHEMA|INVALID_FIELD)$/],
    [
      'response_format', format(`{"properties":{"a":{"enum":[${lists(DEEP)}]}}}`),
      /^(UNSUPPORTED_SCHEMA|INVALID_FIELD)$/
    ]
  ] as const) {
    await t.test(`${name} ${value.slice(0, 60)}`, async t => {
      const startedAt = performance.now()
      const { status, body } = await ask(service.url, { message: 'Hi', [name]: value })
      t.equal(status, 400)
      t.match(body.code, code)
      t.ok(body.error.length < 1_000, 'the refusal is short')
      t.ok(performance.now() - startedAt < 2_000, `${Math.round(performance.now() - startedAt)} ms`)
    })
  }
  await service.quiet()
})

t.test('the deepest schema that is supported is within the bounds of JSON', async t => {
  let schema: object = { type: 'null' }
  for (let i = 0; i < 31; i++) schema = { properties: { a: schema } }
  const { status, body } = await askJson(service.url, {
    message: 'Hi', max_tokens: 5, response_format: { type: 'json_schema', json_schema: { name: 'deep', schema } }
  })
  t.match([status, body], [200, { success: true }])
  await service.quiet()
})

t.test('deep arguments of a tool call, which are JSON in a string, are refused as well', async t => {
  const tools = await createToolsEngine(t)
  const { url, quiet } = await startService(t, {}, tools)
  const call = async (text: string) => {
    const body = {
      model: tools.info().model,
      max_tokens: 5,
      messages: [
        { role: 'user', content: 'Hi' },
        { role: 'assistant', tool_calls: [{ id: 'a', type: 'function', function: { name: 'mark', arguments: text } }] },
        { role: 'tool', tool_call_id: 'a', content: 'done' }
      ]
    }
    const response = await fetch(`${url}/v1/chat/completions`, {
      method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' }
    })
    return { status: response.status, body: await response.json() }
  }
  t.match(await call(objects(DEEP, 'a')), {
    status: 400, body: { error: { code: 'INVALID_FIELD', param: 'messages[1].tool_calls[0].function.arguments' } }
  })
  t.equal((await call(objects(100, 'a'))).status, 200)
  await quiet()
})

t.test('the length of names is bounded, and an object with many long names does not stop the event loop', async t => {
  const names = (count: number, length: number) =>
    Array.from({ length: count }, (_, i) => `"${'/'.repeat(length)}${i}":1`).join()
  const many = names(10_000, 380)
  const turn = (members: string) => `{"message":"Hi","history":[{"role":"user","content":"a",${members}}]}`
  const tool = `{"type":"function","function":{"name":"a b","parameters":{${many}}}}`
  t.match(await send('/api/chat', turn(names(1, 1_000_000))), {
    status: 400, code: 'INVALID_JSON', error: /more than 1000 characters$/
  })
  for (const [route, body, code] of [
    ['/api/chat', turn(many), 'INVALID_HISTORY'],
    ['/api/chat', `{"message":"Hi","response_format":${format(`{${many}}`)}}`, 'UNSUPPORTED_SCHEMA'],
    ['/api/chat', `{"message":"Hi","response_format":{"type":"json_object",${many}}}`, 'INVALID_FIELD'],
    [
      '/v1/chat/completions',
      `{"model":"x","messages":[{"role":"user","content":"Hi"}],"tools":[${tool}]}`,
      'INVALID_FIELD'
    ]
  ] as const) {
    const { result, stall } = await withStall(() => send(route, body))
    t.match(result, { status: 400, code })
    t.ok(result.error.length < 500, 'the answer does not repeat the names')
    t.comment(
      `${route} ${code}: the longest stall ${stall.ownMs.toFixed(0)} ms, by the clock ${stall.wallMs.toFixed(0)} ms`
    )
    if (canMeasureStalls) t.ok(stall.ownMs < 250, `${stall.ownMs.toFixed(0)} ms`)
  }
  await service.quiet()
})
