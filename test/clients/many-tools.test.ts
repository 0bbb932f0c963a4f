import t from 'tap'
import { canMeasureStalls, withStall } from '../event-loop.ts'
import { createToolsEngine, startService } from '../helper.ts'

const engine = await createToolsEngine(t)
const service = await startService(t, {}, engine)
const { model } = engine.info()

/** Longer turns of the event loop are stalls. The conversions alone take several times as long. */
const MOST_MS = 100

/** The pattern's states double with each repetition: converting it costs a tenth of a request's budget or more. */
const COSTLY = {
  type: 'object',
  properties: { a: { type: 'string', pattern: '^(a|b|c|d)*a(a|b|c|d){7}$' } },
  required: ['a'],
  additionalProperties: false
}
const CHEAP = { type: 'object', properties: { on: { type: 'boolean' } }, required: ['on'], additionalProperties: false }

function toolsOf (count: number, parameters: object, strict = false) {
  return Array.from({ length: count }, (_, i) =>
    ({ type: 'function', function: { name: `tool_${i}`, parameters, strict } }))
}

async function ask (tools: unknown, more: object = {}) {
  const body = JSON.stringify({
    model, max_tokens: 100, temperature: 0, messages: [{ role: 'user', content: 'Hi' }], tools, ...more
  })
  const response = await fetch(`${service.url}/v1/chat/completions`, {
    method: 'POST', body, headers: { 'content-type': 'application/json' }
  })
  return { status: response.status, body: await response.json() as any }
}

t.test('more tools than the OpenAI API allows are refused by their number, before any conversion', async t => {
  for (const count of [129, 2_000]) {
    const { result, stall } = await withStall(() => ask(toolsOf(count, CHEAP), { tool_choice: 'required' }))
    t.match(result, { status: 400, body: { error: { code: 'INVALID_FIELD', param: 'tools', limit: 128 } } })
    t.equal(result.body.error.message, `Field "tools" has ${count} tools; the limit is 128`)
    t.comment(
      `${count} tools: the longest stall ${stall.ownMs.toFixed(1)} ms, by the clock ${stall.wallMs.toFixed(1)} ms`
    )
    if (canMeasureStalls) t.ok(stall.ownMs < MOST_MS, `${stall.ownMs.toFixed(1)} ms`)
  }
  await service.quiet()
})

t.test('128 tools with schemas that are costly to convert do not stop the event loop', async t => {
  // The first conversion starts the worker thread.
  await ask(toolsOf(1, CHEAP), { tool_choice: 'required' })
  const { result, stall } = await withStall(() => ask(toolsOf(128, COSTLY), { tool_choice: 'required', max_tokens: 5 }))
  t.match(result.status, /^(200|413)$/, JSON.stringify(result.body).slice(0, 200))
  t.comment(`the longest stall ${stall.ownMs.toFixed(1)} ms, by the clock ${stall.wallMs.toFixed(1)} ms`)
  if (canMeasureStalls) t.ok(stall.ownMs < MOST_MS, `${stall.ownMs.toFixed(1)} ms`)
  await service.quiet()
})

t.test('the tools of a request share one budget: strict schemas are enforced or refused, others give way', async t => {
  // The budget is enough for each tool alone, not for all of them together.
  const few = await ask([
    ...toolsOf(1, CHEAP, true),
    ...toolsOf(12, COSTLY).map((tool, i) => ({ ...tool, function: { ...tool.function, name: `costly_${i}` } }))
  ], { tool_choice: 'required', max_tokens: 60 })
  t.equal(few.status, 200, JSON.stringify(few.body).slice(0, 200))
  const strict = await ask(toolsOf(12, { ...COSTLY, title: 'strict' }, true), { tool_choice: 'required' })
  t.match(strict, {
    status: 400, body: { error: { code: 'UNSUPPORTED_SCHEMA', param: /^tools\[\d+\]\.function\.parameters$/ } }
  })
  await service.quiet()
})

t.test('a prompt that is too long is refused before schemas are converted', async t => {
  const tools = [{
    type: 'function',
    function: {
      name: 'a', description: 'red circle '.repeat(20_000), parameters: { type: 'object', not: {} }, strict: true
    }
  }]
  t.match(await ask(tools, { tool_choice: 'required' }), { status: 413, body: { error: { code: 'PROMPT_TOO_LONG' } } })
  await service.quiet()
})

t.test('parallel_tool_calls: false is obeyed, and values other than booleans are refused', async t => {
  for (const parallel of [true, false]) {
    const { status, body } = await ask(toolsOf(2, CHEAP), { tool_choice: 'required', parallel_tool_calls: parallel })
    t.equal(status, 200)
    t.equal(body.choices[0].message.tool_calls.length, 1, 'a required call is exactly one call')
  }
  t.match(await ask(toolsOf(1, CHEAP), { parallel_tool_calls: 'no' }), {
    status: 400, body: { error: { code: 'INVALID_FIELD', param: 'parallel_tool_calls' } }
  })
  await service.quiet()
})
