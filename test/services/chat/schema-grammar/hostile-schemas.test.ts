import t from 'tap'
import type { SightlineError } from '../../../../errors/catalogue.ts'
import { grammarOfSchema, schemaGrammars } from '../../../../services/chat/schema-grammar/index.ts'
import { createParser } from './gbnf.ts'
import { fault } from './refusal.ts'

const parse = await createParser()

t.test('hostile schemas take little time and make small grammars', async t => {
  const many = <T>(count: number, one: (i: number) => T) => Array.from({ length: count }, (_, i) => one(i))
  const chain = (count: number, keyword: string) => ({
    $defs: Object.fromEntries(many(count, i => [
      `a${i}`, i === count - 1 ? { type: 'integer' } : { [keyword]: many(3, () => ({ $ref: `#/$defs/a${i + 1}` })) }
    ])),
    $ref: '#/$defs/a0'
  })
  const nested = (depth: number, wrap: (inner: unknown) => unknown) =>
    many(depth, wrap).reduce<unknown>((inner) => wrap(inner), { type: 'integer' })
  const properties = (count: number) => Object.fromEntries(many(count, i => [`p${i}`, { type: 'integer' }]))
  const wide = (prefix: string, count: number) => Object.fromEntries(many(count, i => [`${prefix}${i}`, true]))
  /** Returns a character class of `count` characters without neighbours. */
  const ranges = (count: number) => `[${many(count, i => String.fromCodePoint(0x4e00 + 2 * i)).join('')}]`
  const cases: Array<[name: string, schema: unknown, keyword: string | null]> = [
    ['references doubled 40 times', chain(40, 'allOf'), null],
    ['alternatives doubled 40 times', chain(40, 'anyOf'), null],
    ['a long chain of references', chain(300, 'allOf'), 'allOf'],
    ['properties doubled 40 times', {
      $defs: Object.fromEntries(many(40, i => [`a${i}`, i === 39
        ? {}
        : {
            type: 'object', properties: { x: { $ref: `#/$defs/a${i + 1}` }, y: { $ref: `#/$defs/a${i + 1}` } }
          }])),
      $ref: '#/$defs/a0'
    }, null],
    ['a product of alternatives', {
      allOf: many(20, i => ({
        anyOf: [{ type: 'object', properties: { [`a${i}`]: {} } }, { type: 'object', properties: { [`b${i}`]: {} } }]
      }))
    }, 'allOf'],
    ['deep nesting', nested(100_000, inner => ({ items: inner })), 'items'],
    ['lists within a constant', { const: nested(100_000, inner => [inner]) }, 'const'],
    ['a schema of many values', { properties: properties(9000) }, 'properties'],
    ['many properties', { properties: properties(4000) }, 'properties'],
    ['a huge enum', { enum: many(5000, i => i) }, 'enum'],
    ['an enum of objects', { enum: many(900, i => ({ i })) }, 'enum'],
    ['a huge constant', { const: 'x'.repeat(1_000_000) }, 'const'],
    ['a long string', { type: 'string', maxLength: 100_000 }, null],
    ['a longer string', { type: 'string', maxLength: 100_001 }, 'maxLength'],
    [
      'a huge list', { type: 'array', items: { type: 'string', maxLength: 9999 }, minItems: 9999, maxItems: 100_000 },
      null
    ],
    ['a huge minimum of items', { type: 'array', minItems: 1e9 }, 'minItems'],
    ['lists of lists', nested(15, inner => ({ type: 'array', items: inner, minItems: 99_999 })), null],
    ['counts within counts', { type: 'string', pattern: '^((((a{50}){50}){50}){50})$' }, 'pattern'],
    ['a count of nothing', { type: 'string', pattern: '^(){1000000000}$' }, 'pattern'],
    ['a pattern that explodes', { type: 'string', pattern: '(a|b)*a(a|b){20}$' }, 'pattern'],
    ['a pattern of many optional parts', { type: 'string', pattern: `^(${'a?'.repeat(1000)})$` }, 'pattern'],
    ['many lookaheads', { type: 'string', pattern: `^${'(?!.*(a|b).{8}c)'.repeat(20)}.*$` }, 'pattern'],
    ['a pattern of a length', { type: 'string', pattern: '^[a-z]+$', maxLength: 50_000 }, 'pattern'],
    ['counted properties', { type: 'object', properties: properties(500), minProperties: 250 }, 'minProperties'],
    [
      'a long name above many schemas', { properties: { ['~'.repeat(190_000)]: { allOf: many(9900, () => true) } } },
      null
    ],
    ['two lists of wide objects', {
      allOf: ['a', 'b'].map(prefix => ({
        anyOf: many(17, i => ({ type: 'object', properties: wide(prefix, 250), required: [`${prefix}${i}`] }))
      }))
    }, 'allOf'],
    ['many wide objects', {
      anyOf: many(20, i => ({
        type: 'object',
        properties: { ...wide('p', 190), kind: { const: i } },
        required: ['kind'],
        additionalProperties: false
      }))
    }, 'anyOf'],
    [
      'patterns of many ranges',
      { type: 'string', allOf: many(4, i => ({ pattern: `^${ranges(150)}*${i}?$` })), maxLength: 300 }, 'allOf'
    ],
    [
      'an enum of objects under many properties',
      { type: 'object', properties: wide('p', 9000), enum: many(300, () => ({})) }, 'enum'
    ],
    [
      'many alternatives of a oneOf',
      { oneOf: many(280, i => ({ type: 'object', properties: { k: { const: i } }, required: ['k'] })) }, 'oneOf'
    ]
  ]
  for (const [name, schema, keyword] of cases) {
    const before = process.cpuUsage()
    let gbnf = ''
    const found = fault(schema)
    if (found === null) gbnf = grammarOfSchema(schema)
    const { user, system } = process.cpuUsage(before)
    t.equal(found?.split(' at ')[0] ?? null, keyword, `${name}: ${found}`)
    t.ok((user + system) / 1000 < 1500, `${name}: ${Math.round((user + system) / 1000)} ms`)
    t.ok(gbnf.length < 250_000, `${gbnf.length} characters`)
    if (gbnf !== '') t.type((await parse(gbnf)).accepts('x'), 'boolean', 'llama.cpp can parse it')
  }

  for (const [name, schema] of cases) {
    for (const parameters of [schema, { type: 'object', properties: { x: schema, y: { type: 'integer' } } }]) {
      const before = process.cpuUsage()
      const gbnf = parametersOf(parameters)
      const { user, system } = process.cpuUsage(before)
      t.ok((user + system) / 1000 < 1500, `${name} as parameters: ${Math.round((user + system) / 1000)} ms`)
      t.ok(gbnf.length < 250_000, `${gbnf.length} characters`)
      if (gbnf !== '') t.type((await parse(gbnf)).accepts('x'), 'boolean', 'llama.cpp can parse it')
    }
  }
})

/** Returns the grammar of parameters in XML; empty if it is refused. */
function parametersOf (schema: unknown): string {
  try {
    return schemaGrammars('parameters')(schema, grammar => grammar)
  } catch (error) {
    if ((error as SightlineError).code !== 'UNSUPPORTED_SCHEMA') throw error
    return ''
  }
}
