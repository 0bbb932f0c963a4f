import t from 'tap'
import type { SightlineError } from '../../../../errors/catalogue.ts'
import { grammarOfSchema } from '../../../../services/chat/schema-grammar/index.ts'
import { createParser } from './gbnf.ts'

const parse = await createParser()

interface Refusal { keyword: string, pointer: string, en: string, zh: string }

/** Why a schema is refused; null when it is not. */
function refusal (schema: unknown): Refusal | null {
  try {
    grammarOfSchema(schema)
    return null
  } catch (error) {
    const { code, statusCode, message, details } = error as SightlineError
    if (code !== 'UNSUPPORTED_SCHEMA' || statusCode !== 400 || details.field !== 'response_format') throw error
    return {
      keyword: String(details.keyword),
      pointer: String(details.pointer),
      en: message,
      zh: (error as SightlineError).sentence('zh')
    }
  }
}

const at = (schema: unknown) => {
  const found = refusal(schema)
  return found && `${found.keyword} at ${found.pointer}`
}

const within = (schema: unknown) => ({ type: 'object', properties: { 'a/b~': { type: 'array', items: schema } } })
const PLACE = '#/properties/a~1b~0/items'

t.test('a keyword that cannot be enforced is named, with its place', async t => {
  const keywords: Array<[string, unknown]> = [
    ['not', {}], ['if', {}], ['then', {}], ['else', {}], ['multipleOf', 2], ['uniqueItems', true], [
      'patternProperties', {}
    ], ['dependentRequired', {}], ['dependentSchemas', {}], ['dependencies', {}],
    ['contains', {}], ['minContains', 1], ['maxContains', 1], [
      'unevaluatedProperties', false
    ], ['unevaluatedItems', false], ['additionalItems', false],
    ['contentEncoding', 'base64'], [
      'contentMediaType', 'text/plain'
    ], ['contentSchema', {}], ['$anchor', 'a'], ['$dynamicRef', '#a'], ['$dynamicAnchor', 'a'], ['$recursiveRef', '#'],
    ['$id', 'x'], ['$schema', 'x'], ['$vocabulary', {}], ['id', 'x'], ['divisibleBy', 2], ['minimun', 3]
  ]
  for (const [keyword, value] of keywords) t.equal(at(within({ [keyword]: value })), `${keyword} at ${PLACE}`)
  t.equal(at({ type: 'string', not: {} }), 'not at #')
  t.equal(at({ anyOf: [{ type: 'string' }, { allOf: [{ if: {} }] }] }), 'if at #/anyOf/1/allOf/0')
  t.equal(
    at({ $defs: { a: { not: {} } }, type: 'object', additionalProperties: { $ref: '#/$defs/a' } }), 'not at #/$defs/a'
  )
  t.equal(at({ $defs: { a: { not: {} } }, type: 'null' }), null, 'a definition that nobody refers to does not matter')
  t.equal(at({
    type: 'array',
    uniqueItems: false,
    'x-not': 1,
    items: {
      title: 'a',
      description: 'b',
      default: 1,
      examples: [],
      deprecated: true,
      readOnly: true,
      writeOnly: true,
      $comment: 'c',
      discriminator: { propertyName: 'k' }
    }
  }), null)
})

t.test('says why in both languages', async t => {
  t.strictSame(refusal({ not: {} }), {
    keyword: 'not',
    pointer: '#',
    en: 'The JSON schema cannot be enforced: "not" at # is not supported',
    zh: '无法按此 JSON schema 约束回答：# 处的 "not" 不受支持'
  })
  for (const schema of [
    { type: 'string', pattern: '(?<=a)b' }, { $ref: 'https://example.com/a' }, { oneOf: [{}, {}] },
    { type: 'string', maxLength: 1e9 }, false
  ]) {
    const { en, zh } = refusal(schema)!
    t.match(zh, /约束回答：.* 处的 /)
    t.not(en, zh)
    t.match(zh, /[\u4e00-\u9fff]$|[^a-z ]$|"anyOf"$/, 'it ends in Chinese')
  }
})

t.test('references that lead nowhere, elsewhere, or nowhere but back', async t => {
  for (const $ref of [
    '#/$defs/b', '#/$defs/a/properties/x', 'https://example.com/schema.json', 'other.json#/a', '#anchor', '#/%zz',
    '#/$defs/__proto__', '#/$defs/constructor', 5, '#/properties/l/length'
  ]) {
    t.equal(
      at({ $defs: { a: {} }, type: 'object', properties: { l: { type: 'array', items: { $ref } } } }),
      '$ref at #/properties/l/items', String($ref)
    )
  }
  t.equal(at({ $defs: { a: 5 }, $ref: '#/$defs/a' }), 'a at #/$defs', 'what it points at is no schema')
  t.equal(at({ $ref: '#' }), '$ref at #')
  t.equal(
    at({ $defs: { a: { $ref: '#/$defs/b' }, b: { allOf: [{ $ref: '#/$defs/a' }] } }, $ref: '#/$defs/a' }),
    '$ref at #/$defs/b/allOf/0'
  )
  t.equal(at({ anyOf: [{ type: 'null' }, { $ref: '#' }] }), '$ref at #/anyOf/1')
})

t.test('recursion without an end', async t => {
  t.equal(at({ type: 'object', properties: { next: { $ref: '#' } }, required: ['next'] }), '$ref at #/properties/next')
  t.equal(at({ type: 'object', properties: { next: { $ref: '#' } } }), null)
  t.equal(at({ type: 'array', items: { $ref: '#' }, minItems: 1 }), '$ref at #/items')
  t.equal(at({ type: 'array', items: { $ref: '#' } }), null)
  t.equal(
    at({ type: 'object', additionalProperties: { $ref: '#' }, minProperties: 1 }), '$ref at #/additionalProperties'
  )
  t.equal(
    at({ type: 'object', properties: { a: { $ref: '#' }, b: { type: 'null' } }, minProperties: 2 }),
    '$ref at #/properties/a'
  )
  t.equal(at({ type: 'object', properties: { a: { $ref: '#' }, b: { type: 'null' } }, minProperties: 1 }), null)
  const mutual = (required: string[]) => ({
    $defs: {
      a: { type: 'object', properties: { b: { $ref: '#/$defs/b' } }, required: ['b'] },
      b: { type: 'object', properties: { a: { $ref: '#/$defs/a' } }, required }
    },
    $ref: '#/$defs/a'
  })
  t.match(at(mutual(['a'])), /^\$ref at /)
  t.equal(at(mutual([])), null)
})

t.test('schemas that no value satisfies', async t => {
  t.equal(at(false), 'false at #')
  t.equal(at({ type: 'string', const: 5 }), 'const at #')
  t.equal(at({ enum: [] }), 'enum at #')
  t.equal(at({ enum: ['a', 'b'], minLength: 2 }), 'enum at #')
  t.equal(at({ type: 'integer', minimum: 5, maximum: 4 }), 'minimum at #')
  t.equal(at({ type: 'integer', exclusiveMinimum: 1, exclusiveMaximum: 2 }), 'exclusiveMinimum at #')
  t.equal(at({ type: 'string', minLength: 3, maxLength: 2 }), 'minLength at #')
  t.equal(at({ type: 'string', pattern: '^a$', minLength: 2 }), 'pattern at #')
  t.equal(at({ type: 'array', items: false, minItems: 1 }), 'minItems at #')
  t.equal(at({ type: 'object', required: ['a'], additionalProperties: false }), 'required at #')
  t.equal(at({ type: 'object', required: ['a', 'b'], maxProperties: 1 }), 'required at #')
  t.equal(
    at({ type: 'object', properties: { a: { allOf: [{ type: 'string' }, { type: 'null' }] } }, required: ['a'] }),
    'allOf at #/properties/a'
  )
  t.equal(at({ allOf: [{ const: 1 }, { const: 2 }] }), 'allOf at #')
  t.equal(at({ type: 'object', propertyNames: { maxLength: 1 }, required: ['ab'] }), 'required at #')
  t.equal(at({ type: 'object', properties: { a: false, b: { type: 'null' } } }), null, 'an optional one is left out')
})

t.test('numbers that cannot be written', async t => {
  t.equal(at({ type: 'integer', minimum: 1e17 }), 'minimum at #')
  t.equal(at({ type: 'integer', exclusiveMaximum: -1e300 }), 'exclusiveMaximum at #')
  t.equal(at({ type: 'number', minimum: 1e300 }), 'minimum at #')
  t.equal(at({ type: 'number', exclusiveMinimum: 1e-20, exclusiveMaximum: 2e-20 }), 'exclusiveMinimum at #')
})

t.test('names that may be the same do not count', async t => {
  t.equal(at({ type: 'object', additionalProperties: {}, minProperties: 2 }), 'minProperties at #')
  t.equal(at({ type: 'object', minProperties: 1 }), null)
})

t.test('ways of a oneOf that are not known to be exclusive', async t => {
  const object = (properties: object, required: string[] = []) => ({ type: 'object', properties, required })
  t.equal(at({ oneOf: [{ type: 'integer' }, { type: 'number' }] }), 'oneOf at #')
  t.equal(at({ oneOf: [{ type: 'string' }, { const: 'a' }] }), 'oneOf at #')
  t.equal(at({ oneOf: [{ type: 'null' }, { type: 'null' }] }), 'oneOf at #')
  t.equal(at({ oneOf: [object({ a: {} }), object({ b: {} })] }), 'oneOf at #', 'both allow {}')
  t.equal(at({ oneOf: [object({ a: {} }, ['a']), object({ b: {} }, ['b'])] }), null)
  t.equal(at({ oneOf: [object({ a: {} }, ['a']), object({ a: {}, b: {} }, ['b'])] }), 'oneOf at #')
  t.equal(at({ oneOf: [object({ k: { const: 1 } }), object({ k: { const: 2 } })] }), 'oneOf at #', 'k is optional')
  t.equal(at({ oneOf: [{ type: 'string', pattern: '^a' }, { type: 'string', pattern: 'b$' }] }), 'oneOf at #')
  t.equal(
    at({ oneOf: [{ type: 'string', format: 'uri' }, { const: 'urn:x' }] }), 'oneOf at #',
    'urn:x is a URI, if none that would be written'
  )
  t.equal(
    at({ oneOf: [object({ u: { type: 'string', format: 'uri' } }, ['u']), object({ u: { const: 'urn:x' } }, ['u'])] }),
    'oneOf at #'
  )
  t.equal(at({
    oneOf: [
      { type: 'array', prefixItems: [{ const: 1 }] },
      { type: 'array', prefixItems: [{ const: 1 }, { const: 2 }], minItems: 2 }
    ]
  }), 'oneOf at #')
  t.equal(at({
    type: 'object', properties: { b: {} }, oneOf: [{ properties: { a: {} }, required: ['a'] }, { required: ['b'] }]
  }), 'oneOf at #')
})

t.test('alternatives that llama.cpp would have to follow side by side', async t => {
  const object = (properties: object) => ({ type: 'object', properties, required: Object.keys(properties) })
  const many = <T>(count: number, one: (i: number) => T) => Array.from({ length: count }, (_, i) => one(i))
  const nodes = (u1: object, u2: object) => ({
    $defs: { u: { anyOf: [object({ c: u1, k: { const: 1 } }), object({ c: u2, k: { const: 2 } }), { type: 'null' }] } },
    $ref: '#/$defs/u'
  })
  t.equal(at(nodes({ $ref: '#/$defs/u' }, { $ref: '#/$defs/u', title: 'the same' })), null, 'they are merged')
  t.equal(
    at(nodes({ $ref: '#/$defs/u', maxProperties: 3 }, { $ref: '#/$defs/u', maxProperties: 4 })), 'anyOf at #/$defs/u'
  )
  t.equal(at({
    $defs: {
      l: {
        anyOf: [
          { type: 'array', items: { $ref: '#/$defs/l' }, maxItems: 3 },
          { type: 'array', items: { $ref: '#/$defs/l' }, minItems: 5 }
        ]
      }
    },
    type: 'array',
    items: { $ref: '#/$defs/l' }
  }), 'anyOf at #/$defs/l')
  t.equal(at({ anyOf: many(100, i => object({ text: { type: 'string', maxLength: i } })) }), 'anyOf at #')
  t.equal(at({ anyOf: many(60, i => object({ text: { type: 'string', maxLength: i } })) }), null)
  t.equal(
    at({ anyOf: many(200, i => object({ kind: { const: i }, text: { type: 'string', maxLength: i } })) }), 'anyOf at #'
  )
  t.equal(
    at({ type: 'object', properties: Object.fromEntries(many(300, i => [`p${i}`, {}])) }), 'properties at #',
    'any of 300 may come next'
  )
  t.equal(at({
    type: 'object', properties: Object.fromEntries(many(300, i => [`p${i}`, {}])), required: many(300, i => `p${i}`)
  }), null)
})

t.test('patterns that no automaton can do, and such that are none', async t => {
  for (const pattern of [
    '(?<=a)b', '(?<!a)b', 'a(?=b)', '^a(?!b)', '^(?!a)b|c', '(?!a)b', '(a)\\1', '(?<n>a)\\k<n>', '\\bword\\b', '\\B',
    '\\p{L}+', '[\\P{Lu}]', '(', '[', 'a{2,1}', '\\-', '(?i:a)', 5, '('.repeat(60) + ')'.repeat(60)
  ]) {
    t.equal(at({ type: 'string', pattern }), 'pattern at #', String(pattern))
  }
})

t.test('values of keywords that are wrong', async t => {
  const wrong: Array<[string, unknown]> = [
    ['type', 'text'], ['type', ['string', 'any']], ['type', null], ['enum', 'a'], ['minimum', '5'], ['maximum', null], [
      'minLength', -1
    ], ['maxLength', 1.5], ['minItems', '1'], ['maxItems', -5], ['minProperties', []], ['pattern', null], ['format', 5],
    ['format', 'binary'], ['format', 'regex'], ['items', [{}]], ['items', 5], ['prefixItems', {}], ['properties', []], [
      'properties', null
    ], [
      'required', 'a'
    ], ['required', [1]], [
      'additionalProperties', 'no'
    ], ['propertyNames', []], ['allOf', {}], ['anyOf', 'x'], ['oneOf', 1]
  ]
  for (const [keyword, value] of wrong) t.equal(at({ [keyword]: value }), `${keyword} at #`, JSON.stringify(value))
  t.equal(at({ properties: { a: null } }), 'a at #/properties')
  t.equal(at({ anyOf: [{}, 3] }), '1 at #/anyOf')
  for (const schema of [null, undefined, 5, 'string', []]) t.equal(at(schema), 'schema at #')
})

t.test('hostile schemas take little time and leave small grammars', async t => {
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
  /** A class of so many characters, no two of them neighbours. */
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
    ['a pattern of many ways', { type: 'string', pattern: `^(${'a?'.repeat(1000)})$` }, 'pattern'],
    ['looking ahead again and again', { type: 'string', pattern: `^${'(?!.*(a|b).{8}c)'.repeat(20)}.*$` }, 'pattern'],
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
      'many ways of a oneOf',
      { oneOf: many(280, i => ({ type: 'object', properties: { k: { const: i } }, required: ['k'] })) }, 'oneOf'
    ]
  ]
  for (const [name, schema, keyword] of cases) {
    const before = process.cpuUsage()
    let gbnf = ''
    const found = at(schema)
    if (found === null) gbnf = grammarOfSchema(schema)
    const { user, system } = process.cpuUsage(before)
    t.equal(found?.split(' at ')[0] ?? null, keyword, `${name}: ${found}`)
    t.ok((user + system) / 1000 < 1500, `${name}: ${Math.round((user + system) / 1000)} ms`)
    t.ok(gbnf.length < 250_000, `${gbnf.length} characters`)
    if (gbnf !== '') t.type((await parse(gbnf)).accepts('x'), 'boolean', 'llama.cpp can read it')
  }
})

t.test('what is told of a name or a place is bounded', async t => {
  const { keyword, pointer } = refusal({ properties: { ['p'.repeat(5000)]: { ['k'.repeat(5000)]: 1 } } })!
  t.ok(keyword.length < 300 && pointer.length < 300)
})
