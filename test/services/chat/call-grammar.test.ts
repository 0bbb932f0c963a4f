import { readFileSync } from 'node:fs'
import path from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import t, { type Test } from 'tap'
import { referenceProgram } from '../../../native/vision.ts'
import { createCallGrammar } from '../../../services/chat/call-grammar.ts'
import { grammarOfSchema } from '../../../services/chat/schema-grammar/index.ts'
import { MAX_GRAMMAR_LENGTH } from '../../../services/chat/schema-grammar/work.ts'
import type { OfferedTool } from '../../../services/chat/request.ts'
import type { XmlToolSyntax } from '../../../services/engine/engine.ts'
import { ChatTemplate } from '../../../services/engine/worker/prompt/template.ts'
import { createCallReader } from '../../../services/openai/tools.ts'
import { generator } from '../../../tools/lib/random.ts'
import { createParser, createSampler } from './schema-grammar/gbnf.ts'
import { SCHEMAS } from './schema-grammar/schemas.ts'

const SYNTAX: XmlToolSyntax = { form: 'xml', open: '<tool_call>', close: '</tool_call>' }
const parse = await createParser()
const ajv = new Ajv2020({ strict: false, logger: false })
addFormats.default(ajv)
const { templates } = await referenceProgram()
const template = new ChatTemplate(readFileSync(path.join(templates, 'Qwen3.5-4B.jinja'), 'utf8'), '', '')
const DRAWS = 100

const tool = (name: string, parameters?: object, strict = true): OfferedTool =>
  ({ field: `tools[${name}]`, name, parameters, strict })
const grammarOf = (tools: OfferedTool[], singleCall = false) => createCallGrammar(tools, SYNTAX, singleCall)

/** Reads an answer, in which nothing but calls may occur. */
function read (t: Test, answer: string, tools: OfferedTool[]): Array<{ name: string, arguments: object }> {
  const reader = createCallReader(SYNTAX, tools)
  const parts = [reader.push(answer), reader.end(false)]
  const text = parts.map(part => part.text).join('')
  if (text !== '') t.fail(`${JSON.stringify(answer)} contains the text ${JSON.stringify(text)}`)
  return parts.flatMap(part => part.calls).map(call => ({ name: call.name, arguments: JSON.parse(call.arguments) }))
}

/** Returns calls as Qwen3.5's template renders them. */
function rendered (calls: Array<{ name: string, arguments: object }>): string {
  const text = template.render([{ role: 'user', content: 'Hi' }, {
    role: 'assistant',
    content: '',
    tool_calls: calls.map(call => ({ id: '', type: 'function', function: call }))
  }], [], { asks: false })
  return text.slice(text.indexOf('<tool_call>'), -'<|im_end|>\n'.length)
}

/**
 * Asserts that a grammar accepts calls with some arguments, as the template renders them, and not with others, and that
 * the accepted calls are read with the same arguments.
 */
async function check (t: Test, parameters: object, { yes, no }: { yes: object[], no: object[] }): Promise<void> {
  const offered = [tool('look', parameters)]
  const grammar = await parse(grammarOf(offered))
  const readAgain = yes.map(args => read(t, rendered([{ name: 'look', arguments: args }]), offered)[0]?.arguments)
  t.strictSame(readAgain, yes, `${JSON.stringify(parameters).slice(0, 100)} is read`)
  const accepted = [...yes, ...no].filter(args => grammar.accepts(rendered([{ name: 'look', arguments: args }])))
  t.strictSame(accepted, yes, JSON.stringify(parameters).slice(0, 100))
}

/** Puts a schema below `x`, with its definitions at the root. */
function asParameter (schema: unknown): object {
  const { $defs, ...own } = Object(schema)
  return { type: 'object', properties: { x: own }, required: ['x'], ...$defs && { $defs } }
}

/** Schemas whose references would point elsewhere, and one that does not belong below the root. */
const ONLY_ROOTS = ['a tree', 'definitions', 'the draft in $schema']

t.test('every text of a grammar is a call that satisfies the schema, and llama.cpp accepts it', async t => {
  let drawn = 0
  for (const [name, schema] of Object.entries(SCHEMAS)) {
    if (typeof schema !== 'object') continue
    const parameters = ONLY_ROOTS.includes(name) ? schema as object : asParameter(schema)
    for (const one of new Set([parameters, schema as object])) {
      const label = `${name}${one === schema ? '' : ' as a parameter'}`
      const offered = [tool('look', one)]
      if (label === 'names that need escapes' || !isOfObjects(one)) {
        t.throws(() => grammarOf(offered), { code: 'UNSUPPORTED_SCHEMA' }, label)
        continue
      }
      const gbnf = grammarOf(offered, true)
      const grammar = await parse(gbnf)
      const draw = createSampler(gbnf)
      const validate = ajv.compile(one)
      const random = generator(1)
      const texts = new Set(Array.from({ length: DRAWS }, () => draw(random)))
      const wrong = [...texts].filter(text => {
        const calls = read(t, text, offered)
        return calls.length !== 1 || !validate(calls[0]!.arguments) || (text.length < 1000 && !grammar.accepts(text))
      })
      t.strictSame(wrong, [], label)
      drawn += texts.size
    }
  }
  t.ok(drawn > 4000, `${drawn} different texts`)
})

/** Returns whether the JSON form of a schema begins with an object. */
function isOfObjects (schema: object): boolean {
  const draw = createSampler(grammarOfSchema(schema))
  const random = generator(1)
  return Array.from({ length: 50 }, () => draw(random)).some(text => text.startsWith('{'))
}

t.test('the calls that a template renders are accepted', async t => {
  const deep = { type: 'object', properties: { list: { type: 'array', items: { type: ['integer', 'string'] } } } }
  await check(t, {
    type: 'object',
    properties: {
      at: { type: 'string' },
      times: { type: 'integer' },
      exact: { type: 'boolean' },
      nothing: { type: 'null' },
      size: { type: ['number', 'null'] },
      deep,
      any: {}
    },
    required: ['at', 'times']
  }, {
    yes: [
      { at: '', times: 1 },
      { at: '\n a < b <b></b> </param> <<<\n\n"图片"\t🙂', times: -3, exact: true, nothing: null, size: 0.5 },
      { at: '</parameter', times: 0, exact: false, size: null, deep: { list: [1, 'a\n'] }, any: [1, { a: null }] },
      { at: '<tool_call>\n<function=look>\n</function>\n</tool_call>', times: 2, any: 'text' },
      { at: '</<</p</</parameter', times: 2, deep: {}, any: {} }
    ],
    no: [
      {}, { at: 'x' }, { times: 1 }, { times: 1, at: 'x' }, { at: 'x', times: 1.5 }, { at: 'x', times: '1 ' },
      { at: 'x', times: 1, exact: 'yes' }, { at: 'x', times: 1, more: 1 }, { at: 'x', at2: 'x', times: 1 },
      { at: 'a</parameter>b', times: 1 }, { at: 'x', times: 1, deep: { list: [null] } },
      { at: 'x', times: 1, deep: 'x' }, { at: 'x', times: 1, exact: null }
    ]
  })
})

t.test('enum and const are texts as they are, and lengths and patterns apply to texts', async t => {
  const properties = {
    colour: { enum: ['red', 'dark red', '"blue"', '', 'a</parameter>', 5, null, true] },
    kind: { const: '{}' },
    short: { type: 'string', maxLength: 3 },
    some: { type: 'string', minLength: 2 },
    id: { type: 'string', pattern: '^[a-z<]{2}\\n?$' },
    nullable: { type: ['string', 'null'], minLength: 5 }
  }
  await check(t, { type: 'object', properties }, {
    yes: [
      ...['red', 'dark red', '"blue"', '', 5].map(colour => ({ colour })), { kind: '{}' },
      ...['', 'abc', '图🙂!'].map(short => ({ short })),
      ...['ab', 'a\n', '<p></p>', '1'.repeat(1000)].map(some => ({ some })), { id: 'a<' }, { id: 'ab\n' },
      { nullable: 'abcde' }
    ],
    no: [
      ...['re', 'reds', 'blue', 'a</parameter>', 'RED', ' ', 6, null].map(colour => ({ colour })), { kind: '{ }' },
      ...['abcd', '图片图片', '<a>b'].map(short => ({ short })), ...['', 'a'].map(some => ({ some })),
      ...['a', 'abc', 'A<', 'ab\n\n'].map(id => ({ id })), { nullable: 'abcd' }
    ]
  })
  const page = { type: 'object', properties: { page: { type: 'string', maxLength: 6000, minLength: 10 } } }
  const html = '<p>a << b</p>\n'.repeat(30)
  await check(t, page, {
    yes: ['x'.repeat(10), 'x'.repeat(6000), html, 'a < b, '.repeat(300)].map(page => ({ page })),
    no: ['x'.repeat(9), 'x'.repeat(6001), '<p></p>'.repeat(900), `${html}</parameter>`].map(page => ({ page }))
  })
})

t.test('a text that would be read as another value is no string next to such values', async t => {
  const some = { anyOf: [{ type: 'string' }, { type: 'integer', minimum: 5 }, { type: 'object', required: ['a'] }] }
  await check(t, { type: 'object', properties: { some } }, {
    yes: ['text', 5, '5.', '05x', { a: 1 }, '[4]', 'null'].map(some => ({ some })),
    no: [4, '4', ' 4\n', {}, '{}', ' {"b": 1}'].map(some => ({ some }))
  })
})

t.test('other parameters than those of the schema are allowed only by additionalProperties', async t => {
  const properties = { at: { type: 'string' } }
  await check(t, { type: 'object', properties }, { yes: [{}, { at: 'x' }], no: [{ x: 'x' }, { at: 'x', x: 'x' }] })
  await check(t, { type: 'object', properties, additionalProperties: { type: 'integer' } }, {
    yes: [{ at: 'x', a: 1, att: 2, 猫: 3 }, { b: 1 }], no: [{ a: 'x' }, { a: 1, at: 'x' }, { 'a b': 1 }, { '': 1 }]
  })
  await check(t, { type: 'object', propertyNames: { pattern: '^x' }, minProperties: 1, maxProperties: 2 }, {
    yes: [{ x: 1 }, { x1: 'a', x2: {} }], no: [{}, { a: 1 }, { x1: 1, x2: 1, x3: 1 }]
  })
  await check(t, { anyOf: [{ properties, required: ['at'] }, { properties: { b: { const: 1 } }, required: ['b'] }] }, {
    yes: [{ at: 'x' }, { b: 1 }], no: [{}, { at: 'x', b: 1 }, { b: 2 }]
  })
})

t.test('an answer is one or more calls of the tools, or exactly one', async t => {
  const tools = [
    tool('look', { type: 'object', properties: { at: { type: 'string' } }, required: ['at'] }),
    tool('stop', { type: 'object', properties: {} })
  ]
  const [look, stop] = [{ name: 'look', arguments: { at: 'x' } }, { name: 'stop', arguments: {} }]
  const [many, one] = [await parse(grammarOf(tools)), await parse(grammarOf(tools, true))]
  for (const calls of [[look], [stop], [look, stop], [stop, stop, look]]) {
    t.ok(many.accepts(rendered(calls)))
    t.equal(one.accepts(rendered(calls)), calls.length === 1)
    t.strictSame(read(t, rendered(calls), tools), calls)
  }
  const text = rendered([look])
  for (const no of ['', 'I look.', `I look.\n\n${text}`, `${text}\n`, `${text}.`]) t.notOk(many.accepts(no), no)
  t.notOk(many.accepts(rendered([{ name: 'fly', arguments: {} }])))
})

t.test('a schema that cannot be enforced is refused for strict tools; others may have any parameters', async t => {
  const unknown = { type: 'object', properties: { at: { type: 'string' } }, not: {} }
  t.throws(() => grammarOf([tool('look', unknown)]), {
    code: 'UNSUPPORTED_SCHEMA', details: { field: 'tools[look].function.parameters', keyword: 'not', pointer: '#' }
  })
  for (const name of ['a>b', 'a\nb', ' a', '']) {
    const parameters = { type: 'object', properties: { [name]: {} }, required: [name] }
    t.throws(() => grammarOf([tool('look', parameters)]), { message: /"required" at # contains "/ })
    t.ok(grammarOf([tool('look', { ...parameters, required: [] })]), 'an optional parameter is left out')
  }
  t.throws(() => grammarOf([tool('look', { type: 'string' })]), { code: 'UNSUPPORTED_SCHEMA' })
  for (const parameters of [unknown, undefined, {}, { type: 'object' }, { type: 'string' }]) {
    const grammar = await parse(grammarOf([tool('look', parameters, false)]))
    for (const args of [{}, { at: 'x' }, { b: 1, 'c-d': '</p>', 猫: { e: [1] } }]) {
      t.ok(grammar.accepts(rendered([{ name: 'look', arguments: args }])), JSON.stringify([parameters, args]))
    }
    t.notOk(grammar.accepts(rendered([{ name: 'look', arguments: { 'a b': 1 } }])))
    t.notOk(grammar.accepts(rendered([{ name: 'stop', arguments: {} }])))
  }
})

t.test('the tools of a request share one budget, and strict tools come first', async t => {
  const wide = (index: number) => ({
    type: 'object',
    properties: Object.fromEntries(Array.from({ length: 90 }, (_, k) => [`p${index}_${k}`, { type: 'boolean' }])),
    minProperties: 45
  })
  const small = { type: 'object', properties: { on: { const: true } }, required: ['on'] }
  const loose = Array.from({ length: 100 }, (_, i) => tool(`wide_${i}`, wide(i), false))
  const gbnf = grammarOf([...loose, tool('small', small)])
  t.ok(gbnf.length < 1.3 * MAX_GRAMMAR_LENGTH, `${gbnf.length} characters`)
  const { accepts } = await parse(gbnf)
  const call = (name: string, args: object) => rendered([{ name, arguments: args }])
  t.ok(accepts(call('small', { on: true })))
  t.notOk(accepts(call('small', { off: true })))
  t.ok(accepts(call('wide_99', { any: 1 })), 'a tool without budget allows any parameters')
  t.notOk(accepts(call('wide_0', { any: 1 })))
})

t.test('hundreds of optional parameters have a grammar that llama.cpp parses', async t => {
  const properties = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`p${i}`, { type: 'string' }]))
  const grammar = await parse(grammarOf([tool('look', { type: 'object', properties })]))
  for (const args of [{}, { p7: 'x', p199: 'y' }]) {
    t.ok(grammar.accepts(rendered([{ name: 'look', arguments: args }])))
  }
})
