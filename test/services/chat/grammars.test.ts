import path from 'node:path'
import { pathToFileURL } from 'node:url'
import t, { type Test } from 'tap'
import { createGrammars } from '../../../services/chat/grammars.ts'
import type { Constraint } from '../../../services/chat/request.ts'
import { MAX_GRAMMAR_LENGTH } from '../../../services/chat/schema-grammar/work.ts'
import type { JsonToolSyntax, XmlToolSyntax } from '../../../services/engine/engine.ts'
import { createParser } from './schema-grammar/gbnf.ts'

const never = new AbortController().signal
const SYNTAX: JsonToolSyntax = {
  form: 'json',
  open: '<tool_call>',
  close: '</tool_call>',
  begin: '<tool_call>\n{"name": "',
  separator: '", "arguments": ',
  end: '}\n</tool_call>'
}
const parse = await createParser()

const withSchema = (schema: object): Constraint =>
  ({ type: 'format', format: { type: 'json_schema', json_schema: { name: 'x', schema } } })
const tool = (name: string, parameters: object, strict = false) =>
  ({ field: `tools[${name}]`, name, parameters, strict })

/** Returns the URL of a thread's program for a test. */
function threadOf (t: Test, code: string): URL {
  return pathToFileURL(
    path.join(t.testdir({ 'thread.mjs': `import { parentPort } from 'node:worker_threads'\n${code}` }), 'thread.mjs')
  )
}

t.test('schemas are converted on a separate thread, and refusals keep their details', async t => {
  const grammars = createGrammars()
  t.teardown(() => grammars.close())
  t.match(await grammars.of({ type: 'format', format: { type: 'json_object' } }, null, never), /^root ::= /)
  const texts = await Promise.all(['red', 'blue'].map(word => grammars.of(withSchema({ const: word }), null, never)))
  t.match(texts, [/red/, /blue/])
  await t.rejects(grammars.of(withSchema({ type: 'object', properties: { a: { not: {} } } }), null, never), {
    code: 'UNSUPPORTED_SCHEMA',
    statusCode: 400,
    message: 'The JSON schema cannot be enforced: "not" at #/properties/a is not supported',
    details: { field: 'response_format', keyword: 'not', pointer: '#/properties/a' }
  })
  const error = await grammars.of(withSchema({ not: {} }), null, never).catch(error => error)
  t.equal(error.sentence('zh'), '无法按此 JSON schema 约束回答：# 处的 "not" 不受支持')
})

t.test('the tools of a request share one budget, and strict tools come first', async t => {
  const grammars = createGrammars()
  t.teardown(() => grammars.close())
  const of = (...tools: Array<ReturnType<typeof tool>>) =>
    grammars.of({ type: 'call', tools, singleCall: false }, SYNTAX, never)
  const wide = (i: number) => ({
    type: 'object',
    properties: Object.fromEntries(Array.from({ length: 90 }, (_, k) => [`p${i}_${k}`, { type: 'boolean' }])),
    minProperties: 45
  })
  const small = { type: 'object', properties: { on: { const: true } }, required: ['on'], additionalProperties: false }

  const grammar =
    await of(...Array.from({ length: 100 }, (_, i) => tool(`wide_${i}`, wide(i))), tool('small', small, true))
  t.ok(grammar.length < 1.3 * MAX_GRAMMAR_LENGTH, `${grammar.length} characters`)
  const { accepts } = await parse(grammar)
  const call = (name: string, args: unknown) =>
    `${SYNTAX.begin}${name}${SYNTAX.separator}${JSON.stringify(args)}${SYNTAX.end}`
  t.ok(accepts(call('small', { on: true })))
  t.notOk(accepts(call('small', { off: true })), 'a strict schema is enforced, although it is the last one')
  t.ok(accepts(call('wide_99', { any: 1 })), 'a tool without budget allows any object')
  t.notOk(accepts(call('wide_0', { any: 1 })))

  await t.rejects(of(tool('one', wide(1), true), tool('two', wide(2), true), tool('three', wide(3), true)), {
    code: 'UNSUPPORTED_SCHEMA', details: { field: /^tools\[\w+\]\.function\.parameters$/ }
  })
})

t.test('calls in XML have a grammar of their own', async t => {
  const grammars = createGrammars()
  t.teardown(() => grammars.close())
  const xml: XmlToolSyntax = { form: 'xml', open: '<tool_call>', close: '</tool_call>' }
  const call = '<tool_call>\n<function=stop>\n</function>\n</tool_call>'
  for (const singleCall of [true, false]) {
    const tools = [tool('stop', { type: 'object', properties: {} })]
    const { accepts } = await parse(await grammars.of({ type: 'call', tools, singleCall }, xml, never))
    t.strictSame([call, `${call}\n${call}`].map(accepts), [true, !singleCall])
  }
  const strict = [tool('look', { not: {} }, true)]
  await t.rejects(grammars.of({ type: 'call', tools: strict, singleCall: false }, xml, never), {
    code: 'UNSUPPORTED_SCHEMA', details: { field: 'tools[look].function.parameters', keyword: 'not' }
  })
})

t.test('an abort rejects at once, during a conversion and in the queue', async t => {
  const grammars = createGrammars({ thread: threadOf(t, 'parentPort.on("message", () => {})') })
  const left = [new AbortController(), new AbortController()]
  const waiting = left.map(({ signal }) => grammars.of(withSchema({}), null, signal))
  const reasons = left.map((_, i) => new Error(`left ${i}`))
  for (const i of [1, 0]) {
    left[i]!.abort(reasons[i])
    await t.rejects(waiting[i]!, reasons[i]!)
  }
  await t.rejects(grammars.of(withSchema({}), null, AbortSignal.abort(reasons[0])), reasons[0]!)
  const last = grammars.of(withSchema({}), null, never)
  const closing = t.rejects(last, { message: /closed/ })
  await grammars.close()
  await closing
  await t.rejects(grammars.of(withSchema({}), null, never), { message: /closed/ })
})

t.test('after a conversion that hangs or crashes, the next one runs on a new thread', async t => {
  const code = `
    parentPort.on('message', ({ schema }) => {
      if (schema.loop) while (true);
      if (schema.die) process.exit(3)
      if (schema.fail) throw new Error('out of order')
      parentPort.postMessage({ grammar: 'root ::= "fine"' })
    })`
  const grammars = createGrammars({ thread: threadOf(t, code), timeLimitMs: 300 })
  t.teardown(() => grammars.close())
  const [endless, behind] =
    [grammars.of(withSchema({ loop: true }), null, never), grammars.of(withSchema({}), null, never)]
  await t.rejects(endless, { code: 'UNSUPPORTED_SCHEMA', message: /takes too long to convert/ })
  t.equal(await behind, 'root ::= "fine"', 'the next conversion in the queue succeeds')
  await t.rejects(grammars.of(withSchema({ fail: true }), null, never), {
    message: /The grammar thread failed: Error: out of order/
  })
  t.equal(await grammars.of(withSchema({}), null, never), 'root ::= "fine"')
  await t.rejects(grammars.of(withSchema({ die: true }), null, never), { message: /The grammar thread failed/ })
  t.equal(await grammars.of(withSchema({}), null, never), 'root ::= "fine"')
})
