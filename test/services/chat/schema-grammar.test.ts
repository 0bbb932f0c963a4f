import { Ajv2020 } from 'ajv/dist/2020.js'
import t, { type Test } from 'tap'
import { grammarOfSchema, JSON_OBJECT_GRAMMAR } from '../../../services/chat/schema-grammar/index.ts'
import { generator } from '../../../tools/lib/random.ts'
import { createParser, createSampler } from './schema-grammar/gbnf.ts'
import { SCHEMAS } from './schema-grammar/schemas.ts'

const parse = await createParser()
const ajv = new Ajv2020({ strict: false })
const DRAWS = 150

/** Returns the texts that llama.cpp accepts under the grammar of a schema. */
async function accepted (schema: unknown, texts: string[]): Promise<string[]> {
  const grammar = await parse(grammarOfSchema(schema))
  return texts.filter(text => grammar.accepts(text))
}

/** Asserts that the grammar of a schema accepts all of `yes` and none of `no`. */
async function check (t: Test, schema: unknown, { yes, no }: { yes: string[], no: string[] }): Promise<void> {
  t.strictSame(await accepted(schema, [...yes, ...no]), yes, JSON.stringify(schema).slice(0, 100))
}

t.test('every text of a grammar is JSON that satisfies the schema, and llama.cpp accepts it', async t => {
  for (const [name, schema] of Object.entries(SCHEMAS)) {
    const gbnf = grammarOfSchema(schema)
    const grammar = await parse(gbnf)
    const draw = createSampler(gbnf)
    const validate = ajv.compile(schema as object)
    const random = generator(1)
    const texts = new Set(Array.from({ length: DRAWS }, () => draw(random)))
    const wrong = [...texts].filter(text => {
      const validated = validate(JSON.parse(text))
      return !validated || (text.length < 1000 && !grammar.accepts(text))
    })
    t.strictSame(wrong, [], `${name}: ${texts.size} different texts`)
  }
})

t.test('optional keys may be left out, and keep the order of the schema', async t => {
  const schema = { type: 'object', properties: { a: { const: 1 }, b: { const: 2 }, c: { const: 3 } }, required: ['b'] }
  await check(t, schema, {
    yes: ['{"b":2}', '{"a":1,"b":2}', '{"b":2,"c":3}', '{"a":1,"b":2,"c":3}', '{"a": 1, "b": 2, "c": 3}'],
    no: [
      '{}', '{"a":1}', '{"b":2,"a":1}', '{"b":2,"b":2}', '{"b":2,}', '{,"b":2}', '{"a":1"b":2}', '{"b":2,"d":4}',
      '{"b":3}', '{"b":2} ', ' {"b":2}', '{"b":  2}', '{"b":2,\n"c":3}'
    ]
  })
})

t.test('undeclared keys appear only with additionalProperties, and never replace declared ones', async t => {
  const properties = { id: { const: 1 }, né: { const: 2 } }
  const additionalProperties = { type: 'boolean' }
  await check(t, { type: 'object', properties, additionalProperties }, {
    yes: [
      '{}', '{"x":true}', '{"id":1,"x":true}', '{"id":1,"né":2,"i":true,"idx":false}', '{"a\\"\\\\\\nb":true}',
      '{"n":true,"né!":false,"ne":true}'
    ],
    no: [
      '{"id":true}', '{"x":true,"id":1}', '{"id":1,"id":true}', '{"né":true}', '{"\\u0069d":true}', '{"i\\u0064":true}',
      '{"n\\u00e9":true}', '{"x":1}'
    ]
  })
  await check(t, { type: 'object', properties }, { yes: ['{"id":1}'], no: ['{"x":true}', '{"id":1,"x":1}'] })
  await check(
    t, { type: 'object', properties, additionalProperties: true }, { yes: ['{"x":[1,{"y":null}]}'], no: ['{"id":2}'] }
  )
  await check(t, { type: 'object' }, { yes: ['{}', '{"x":[1,{"y":null}],"\\u0078":1.5e-3}'], no: ['[]', '{x:1}'] })
  for (const schema of [{ type: 'object' }, { type: 'object', properties, additionalProperties }]) {
    await check(t, schema, {
      yes: ['猫', 'x'.repeat(64)].map(name => `{"${name}":true}`),
      no: ['', 'x'.repeat(65)].map(name => `{"${name}":true}`)
    })
  }
  await check(
    t, { type: 'object', propertyNames: { maxLength: 100 }, additionalProperties },
    { yes: ['', 'x'.repeat(100)].map(name => `{"${name}":true}`), no: [`{"${'x'.repeat(101)}":true}`] }
  )
})

t.test('names of an enum keep their order, each at most once', async t => {
  const schema = {
    type: 'object',
    propertyNames: { enum: ['x', 'y', 'z'] },
    properties: { y: { const: 1 } },
    additionalProperties: { const: 2 }
  }
  await check(t, schema, {
    yes: ['{}', '{"y":1,"x":2,"z":2}', '{"z":2}'],
    no: ['{"y":2}', '{"x":2,"y":1}', '{"x":2,"x":2}', '{"y":1,"y":2}', '{"a":2}']
  })
})

t.test('a required key without a schema may have any value', async t => {
  await check(
    t, { type: 'object', properties: { a: { const: 1 } }, required: ['b'] },
    { yes: ['{"b":null}', '{"a":1,"b":[{}]}'], no: ['{}', '{"a":1}', '{"b":null,"a":1}'] }
  )
})

t.test('minProperties and maxProperties', async t => {
  const properties = { a: { const: 1 }, b: { const: 1 }, c: { const: 1 } }
  await check(
    t, { type: 'object', properties, minProperties: 2 },
    { yes: ['{"a":1,"c":1}', '{"a":1,"b":1,"c":1}'], no: ['{}', '{"b":1}'] }
  )
  await check(t, { type: 'object', properties, maxProperties: 1 }, { yes: ['{}', '{"b":1}'], no: ['{"a":1,"c":1}'] })
  await check(
    t, { type: 'object', additionalProperties: { const: 1 }, minProperties: 1, maxProperties: 2 },
    { yes: ['{"x":1}', '{"x":1,"y":1}'], no: ['{}', '{"x":1,"y":1,"z":1}'] }
  )
  await check(
    t, { type: 'object', propertyNames: { enum: ['x', 'y', 'z'] }, minProperties: 2, maxProperties: 2 },
    { yes: ['{"x":1,"z":2}'], no: ['{"x":1}', '{"x":1,"x":1}', '{"x":1,"y":1,"z":1}', '{"x":1,"a":1}'] }
  )
})

t.test('lists and tuples', async t => {
  await check(
    t, { type: 'array', items: { const: 1 }, minItems: 1, maxItems: 3 },
    { yes: ['[1]', '[1,1]', '[1, 1,1]'], no: ['[]', '[1,1,1,1]', '[1,]', '[,1]', '[1 ,1]', '[ 1]'] }
  )
  await check(t, { type: 'array', items: false }, { yes: ['[]'], no: ['[1]'] })
  await check(
    t, { type: 'array', prefixItems: [{ const: 1 }, { const: 2 }], items: { const: 3 } },
    { yes: ['[1,2]', '[1,2,3]', '[1,2,3,3]'], no: ['[]', '[1]', '[2,1]', '[1,2,4]'] }
  )
  await check(
    t, { type: 'array', prefixItems: [{ const: 1 }, { const: 2 }] }, { yes: ['[1,2]'], no: ['[1]', '[1,2,3]'] }
  )
  const long = (count: number) => `[${Array.from({ length: count }, () => 1).join()}]`
  await check(
    t, { type: 'array', items: { const: 1 }, minItems: 700, maxItems: 1300 },
    { yes: [700, 701, 999, 1299, 1300].map(long), no: [0, 1, 699, 1301, 2000].map(long) }
  )
})

t.test('constants of every type, and no others', async t => {
  const values = [
    0, -0.5, 1e300, 'é😀', 'a"b\\c\n\u0000\u2028', '\ud800', '', null, false, [], {}, [1, [2]],
    { a: { b: 'c' }, 'd"': null }
  ]
  await check(t, { enum: values }, {
    yes: values.map(value => JSON.stringify(value)),
    no: ['1', '"e"', 'true', '[1]', '[1,[2],3]', '{"a":{}}', '{"d\\"":null,"a":{"b":"c"}}', '"\\u00e9😀"']
  })
  for (const value of values) {
    await check(t, { const: value }, { yes: [JSON.stringify(value)], no: [JSON.stringify([value]), '5'] })
  }
  const many = Array.from({ length: 500 }, (_, i) => ['a', 'ab', 'b"', '', '猫'][i % 5] + 'x'.repeat(i / 5 % 20) + i)
  await check(
    t, { anyOf: many.slice(0, 200).map(text => ({ const: text, description: text })) },
    { yes: many.slice(0, 200).map(text => JSON.stringify(text)), no: ['"a"'] }
  )
  await check(
    t, { enum: many }, { yes: many.map(text => JSON.stringify(text)), no: ['"a"', '"abx"', '""', '"猫x500"', '"ax01"'] }
  )
})

t.test('keywords apply only to their types', async t => {
  await check(
    t, { type: ['string', 'integer', 'null'], maxLength: 1, maximum: 5 },
    { yes: ['"a"', '5', '-7', 'null'], no: ['"ab"', '6', '1.5', 'true', '[]', '{}'] }
  )
  await check(
    t, { maxLength: 1, maxItems: 1, maximum: 5 },
    { yes: ['"a"', '[[1,2]]', '-7.5', '{"a":6}', 'true'], no: ['"ab"', '[1,2]', '6'] }
  )
  await check(t, { type: 'string', nullable: true, enum: ['a', null] }, { yes: ['"a"', 'null'], no: ['"b"'] })
  await check(t, { type: 'string', nullable: true, enum: ['a'] }, { yes: ['"a"'], no: ['null'] })
  await check(t, { enum: ['a', 1], type: 'string' }, { yes: ['"a"'], no: ['1'] })
})

t.test('combined schemas apply all their constraints', async t => {
  await check(t, {
    allOf: [{ required: ['a'] }, { properties: { a: { maximum: 3 } } }],
    type: 'object',
    properties: { a: { type: 'integer', minimum: 2 }, b: { const: 1 } }
  },
  { yes: ['{"a":2}', '{"a":3,"b":1}'], no: ['{}', '{"b":1}', '{"a":1}', '{"a":4}'] })
  await check(
    t, { anyOf: [{ type: 'integer' }, { enum: ['a', 'b'] }], enum: [1, 'b', null] },
    { yes: ['1', '"b"'], no: ['"a"', 'null', '2'] }
  )
  await check(
    t, { $defs: { small: { maximum: 9 } }, $ref: '#/$defs/small', type: 'integer', minimum: 0 },
    { yes: ['0', '9'], no: ['10', '-1', 'null'] }
  )
  await check(t, {
    allOf: [
      { type: 'object', properties: { a: { const: 1 } }, additionalProperties: false },
      { type: 'object', properties: { b: { const: 2 } } }
    ]
  }, { yes: ['{}', '{"a":1}'], no: ['{"b":2}'] })
  await check(t, {
    oneOf: [
      { properties: { a: { const: 1 } }, required: ['a'], type: 'object' },
      { properties: { b: { const: 2 } }, required: ['b'], type: 'object' }
    ]
  }, { yes: ['{"a":1}', '{"b":2}'], no: ['{"a":1,"b":2}', '{}'] })
})

t.test('recursive schemas', async t => {
  const tree =
    { type: 'object', properties: { v: { const: 1 }, c: { type: 'array', items: { $ref: '#' } } }, required: ['v'] }
  await check(t, tree, {
    yes: ['{"v":1}', '{"v":1,"c":[]}', '{"v":1,"c":[{"v":1,"c":[{"v":1}]},{"v":1}]}'],
    no: ['{"v":1,"c":[{}]}', '{"v":1,"c":[1]}']
  })
  const deep = '{"v":1,"c":['.repeat(200) + ']}'.repeat(200)
  await check(t, tree, { yes: [deep], no: [deep.slice(0, -1)] })
})

t.test('unconstrained values have a maximum depth', async t => {
  const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)
  await check(t, true, {
    yes: [nested(1), nested(8), '{"a":{"b":{"c":[[[[[]]]]]}}}'],
    no: [nested(9), nested(100), '{"a":{"b":{"c":[[[[[[]]]]]]}}}']
  })
  const grammar = await parse(JSON_OBJECT_GRAMMAR)
  t.strictSame([
    '{}', '{"a":1}', '{"a": [true, null, -1.5E+10, "x\\u00e9\\ud83d\\ude00"]}', `{"a":${nested(7)}}`
  ].filter(text => !grammar.accepts(text)), [])
  t.strictSame([
    '[]', '1', '"a"', '', '{', '{"a"}', '{"a":1', '{"a":01}', '{"a":1e999}', '{"a":"\n"}', '{"a":"\\ud83d"}',
    '{"a":"\\x"}', '{"a": 1 }', `{"a":${nested(8)}}`
  ].filter(text => grammar.accepts(text)), [])
  const draw = createSampler(JSON_OBJECT_GRAMMAR)
  const random = generator(2)
  const drawn = Array.from({ length: DRAWS }, () => draw(random))
  t.strictSame(drawn.filter(text => !text.startsWith('{') || typeof JSON.parse(text) !== 'object'), [])
})
