import t, { type Test } from 'tap'
import type { Tool } from '../../../services/engine/engine.ts'
import { createArgumentReader, type Parameters } from '../../../services/openai/xml-arguments.ts'

function toArguments (parameters: Parameters, tool: Tool): string {
  return createArgumentReader(tool)(parameters)
}

/** The JSON of a parameter `x` with this text. */
function jsonOf (text: string, x: unknown, root: object = {}): string {
  return toArguments([['x', text]], { name: 'f', parameters: { type: 'object', properties: { x }, ...root } })
    .slice('{"x":'.length, -1)
}

/** Expects a JSON for each text. */
function convert (t: Test, schema: unknown, cases: Record<string, string>, root?: object): void {
  for (const [text, json] of Object.entries(cases)) {
    t.equal(jsonOf(text, schema, root), json, `${JSON.stringify(text)} by ${JSON.stringify(schema)}`)
  }
}

t.test('a string is its text, exactly', async t => {
  for (const schema of [{ type: 'string' }, { type: ['string'] }, { type: 'string', pattern: '^a', maxLength: 3 }]) {
    for (const text of ['', ' ', '5', 'true', 'null', 'None', '{"a":1}', '"a"', 'a\n b\\n"', '图片🙂']) {
      t.equal(jsonOf(text, schema), JSON.stringify(text))
    }
  }
})

t.test('other types are the JSON of their text; any other text is a string', async t => {
  convert(t, { type: 'integer' }, {
    5: '5', '-12': '-12', ' 7\n': '7', '5.0': '5', '1e3': '1000', 5.5: '"5.5"', five: '"five"', '': '""'
  })
  convert(t, { type: 'number' }, {
    5: '5',
    '0.10': '0.10',
    '-1e-7': '-1e-7',
    '1e999': '"1e999"',
    '12345678901234567890123': '12345678901234567890123',
    '+5': '"+5"',
    NaN: '"NaN"'
  })
  convert(t, { type: 'boolean' }, {
    true: 'true', False: 'false', ' True ': 'true', 1: '"1"', yes: '"yes"', null: '"null"'
  })
  convert(t, { type: 'null' }, { null: 'null', None: 'null', nothing: '"nothing"' })
  convert(t, { type: 'array' }, { '[]': '[]', '[1, "a",\n {}]': '[1, "a",\n {}]', '[1': '"[1"', '{}': '"{}"' })
  convert(t, { type: 'object' }, { '{"a": {"b": [null]}}': '{"a": {"b": [null]}}', '[]': '"[]"' })
})

t.test('where several types are allowed, JSON comes before text', async t => {
  convert(t, { type: ['string', 'null'] }, { null: 'null', None: '"None"', 5: '"5"', a: '"a"' })
  convert(t, { type: 'string', nullable: true }, { null: 'null', true: '"true"' })
  convert(t, { type: ['integer', 'string'] }, { 5: '5', 5.5: '"5.5"', '05': '"05"', true: '"true"' })
  convert(t, { type: ['boolean', 'null'] }, { True: 'true', None: 'null', a: '"a"' })
  for (const keyword of ['anyOf', 'oneOf']) {
    convert(t, { [keyword]: [{ type: 'array' }, { type: 'number' }] }, { '[1]': '[1]', 5: '5', '{}': '"{}"' })
    convert(t, { [keyword]: [{ type: 'string' }, { type: 'object' }] }, { '{"a":1}': '{"a":1}', 5: '"5"' })
    convert(t, { [keyword]: [{ type: 'string' }, { type: 'string', minLength: 2 }] }, { 5: '"5"', null: '"null"' })
  }
  convert(t, { allOf: [{ type: ['string', 'integer'] }, { type: ['integer', 'null'] }] }, { 5: '5', null: '"null"' })
  convert(t, { type: ['string', 'integer'], anyOf: [{ minLength: 1 }, { type: 'string' }] }, { 5: '5' })
  convert(t, { anyOf: [{ type: 'string' }, { minimum: 1 }] }, { 5: '5', '[]': '[]' })
})

t.test('enum and const decide by their values', async t => {
  convert(t, { enum: ['red', 'blue'] }, { red: '"red"', '"red"': '"red"', ' red\n': '"red"', green: '"green"' })
  convert(t, { type: 'string', enum: ['1', 'true'] }, { 1: '"1"', true: '"true"', ' 1 ': '"1"' })
  convert(t, { enum: [1, '1', null, 'x'] }, { 1: '"1"', null: 'null', x: '"x"' })
  convert(t, { enum: [1, 2.5, false] }, { 1: '1', 2.5: '2.5', False: 'false' })
  convert(t, { const: 'a' }, { a: '"a"' })
  convert(t, { const: { a: 1 } }, { '{"a":1}': '{"a":1}' })
})

t.test('references within the schema are followed, also circular ones', async t => {
  const root = {
    $defs: {
      count: { type: 'integer' },
      'a/b': { $ref: '#/$defs/count' },
      tree: { anyOf: [{ type: 'integer' }, { type: 'array' }, { $ref: '#/$defs/tree' }] },
      loop: { $ref: '#/$defs/loop' }
    }
  }
  convert(t, { $ref: '#/$defs/count' }, { 5: '5', a: '"a"' }, root)
  convert(t, { $ref: '#/$defs/a~1b' }, { 5: '5' }, root)
  convert(t, { $ref: '#/$defs/tree' }, { 5: '5', '[5]': '[5]', '{}': '"{}"' }, root)
  convert(t, { $ref: '#/$defs/loop', type: 'string' }, { 5: '"5"' }, root)
  convert(t, { $ref: '#/$defs/none', type: 'string' }, { 5: '"5"' }, root)
  let deep: object = { type: 'string' }
  for (let level = 0; level < 50_000; level++) deep = { anyOf: [deep] }
  t.equal(jsonOf('a', deep), '"a"', 'deep schemas do not exhaust the stack')
})

t.test('a parameter without a type, or that the schema does not name, is JSON or text', async t => {
  const cases = {
    5: '5', '1.10': '1.10', true: 'true', True: '"True"', null: 'null', '{"a":[1]}': '{"a":[1]}', a: '"a"'
  }
  t.equal(jsonOf('"a"', {}), '"\\"a\\""')
  for (const schema of [{}, true, { description: 'x' }, { type: 'str' }, 5, undefined]) convert(t, schema, cases)
  t.equal(toArguments([['x', '5'], ['y', 'a']], { name: 'f' }), '{"x":5,"y":"a"}', 'a tool without a schema')
  const parameters = { type: 'object', properties: { x: { type: 'string' } }, additionalProperties: { type: 'string' } }
  t.equal(toArguments([['x', '5'], ['y', '5']], { name: 'f', parameters }), '{"x":"5","y":"5"}')
})

t.test('properties are found through references and alternatives of the whole schema', async t => {
  const of = (parameters: object, name = 'x') => toArguments([[name, '5']], { name: 'f', parameters })
  const text = { properties: { x: { type: 'string' } } }
  t.equal(of({ $ref: '#/$defs/all', $defs: { all: text } }), '{"x":"5"}')
  t.equal(of({ allOf: [{ properties: { y: {} } }, text] }), '{"x":"5"}')
  t.equal(of({ anyOf: [text, { properties: { y: {} } }] }), '{"x":"5"}')
  t.equal(of({ oneOf: [text, { properties: { x: { type: 'integer' } } }] }), '{"x":5}')
})

t.test('names are kept, and the last text of a name counts', async t => {
  const names = ['__proto__', 'a"b', 'toString', '']
  const json = toArguments([...names.map((name): [string, string] => [name, 'a']), ['a"b', 'c']], { name: 'f' })
  t.equal(json, '{"__proto__":"a","a\\"b":"c","toString":"a","":"a"}')
})

t.test('where types depend on other parameters, the readings satisfy the schema if any do', async t => {
  const branch = (kind: string, v: object) =>
    ({ properties: { kind: { const: kind }, v }, required: ['kind', 'v'] })
  const read = (parameters: object, kind: string, v: string) =>
    JSON.parse(toArguments([['kind', kind], ['v', v]], { name: 'f', parameters })).v
  for (const keyword of ['anyOf', 'oneOf']) {
    const parameters = {
      type: 'object',
      [keyword]: [
        branch('text', { type: 'string' }), branch('count', { type: 'integer' }), branch('on', { type: 'boolean' }),
        branch('id', { type: 'string', format: 'email' })
      ]
    }
    t.equal(read(parameters, 'text', '5'), '5')
    t.equal(read(parameters, 'text', 'False'), 'False')
    t.equal(read(parameters, 'count', '5'), 5)
    t.equal(read(parameters, 'on', 'False'), false)
    t.equal(read(parameters, 'id', '5'), '5', 'a format does not exclude texts')
    t.equal(read(parameters, 'count', 'five'), 'five', 'the usual reading, if none is valid')
    t.equal(read(parameters, 'other', '5'), 5, 'the usual reading, if none is valid')
    t.equal(read({ ...parameters, not: {} }, 'text', '5'), 5, 'the usual reading, by a schema beyond the choice')
  }
  t.equal(read({ type: 'object', properties: { v: { type: ['string', 'integer'], minimum: 6 } } }, '', '5'), '5')
  t.equal(read({ type: 'object', properties: { v: { type: ['string', 'number'] } } }, '', '1.50'), 1.5)
  t.equal(toArguments([['v', '1.50']], {
    name: 'f', parameters: { type: 'object', oneOf: [{ properties: { v: { type: 'number' } } }] }
  }), '{"v":1.50}', 'digits are kept')
})

t.test('the choice between readings ends for hostile schemas and values', async t => {
  const list = { $defs: { l: { anyOf: [{ type: 'array', items: { $ref: '#/$defs/l' } }, { type: 'null' }] } } }
  const hostile: Array<[parameters: object, text: string]> = [
    [{ properties: { v: { type: 'string', pattern: '^(a+)+$' } } }, `${'a'.repeat(50_000)}b`],
    [{ properties: { v: { type: 'string', pattern: '(a|b)*a(a|b){20}$' } } }, 'x'],
    [{ ...list, properties: { v: { $ref: '#/$defs/l' } } }, '['.repeat(50_000)],
    [{ ...list, properties: { v: { $ref: '#/$defs/l' } } }, `${'['.repeat(5000)}1${']'.repeat(5000)}`],
    [{
      allOf: Array.from({ length: 30 }, (_, i) => ({ anyOf: ['a', 'b'].map(name => ({ required: [name + i] })) }))
    }, 'x'],
    [{ $ref: '#' }, 'x'],
    [{ properties: 5, required: 'v', anyOf: {}, enum: 'x' }, 'x']
  ]
  for (const [parameters, text] of hostile) {
    const json = toArguments([['v', text]], { name: 'f', parameters: { type: 'object', ...parameters } })
    t.ok([`{"v":${JSON.stringify(text)}}`, `{"v":${text}}`].includes(json), JSON.stringify(parameters).slice(0, 80))
  }
})
