import t from 'tap'
import { grammarOfSchema } from '../../../../services/chat/schema-grammar/index.ts'
import { refusal, fault } from './refusal.ts'

const within = (schema: unknown) => ({ type: 'object', properties: { 'a/b~': { type: 'array', items: schema } } })
const PLACE = '#/properties/a~1b~0/items'

t.test('a keyword that cannot be enforced is reported with its place', async t => {
  const keywords: Array<[string, unknown]> = [
    ['not', { type: 'string' }], ['multipleOf', 2], ['multipleOf', 1], ['uniqueItems', true],
    ['patternProperties', {}], ['dependentRequired', { a: ['b'] }], ['dependentSchemas', { a: {} }],
    ['dependencies', { a: ['b'] }], ['contains', {}], ['unevaluatedProperties', false],
    ['unevaluatedItems', false], ['$dynamicRef', '#a'], ['$recursiveRef', '#'], ['divisibleBy', 2]
  ]
  for (const [keyword, value] of keywords) t.equal(fault(within({ [keyword]: value })), `${keyword} at ${PLACE}`)
  t.equal(fault({ type: 'string', not: { const: 'a' } }), 'not at #')
  t.equal(fault({ allOf: [{ type: 'string' }, { allOf: [{ contains: {} }] }] }), 'contains at #/allOf/1/allOf/0')
  t.equal(
    fault({ $defs: { a: { contains: {} } }, type: 'object', additionalProperties: { $ref: '#/$defs/a' } }),
    'contains at #/$defs/a'
  )
  t.equal(fault({ $defs: { a: { contains: {} } }, type: 'null' }), null, 'a definition without references is ignored')
  t.equal(fault({
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

t.test('keywords that constrain nothing here are not refused', async t => {
  for (const keywords of [
    { dependentRequired: {} }, { dependentSchemas: {} }, { dependencies: {} }, { then: { minimum: 1 } }, { else: {} },
    { if: {} }, { minContains: 1 }, { maxContains: 2 }, { type: 'integer', multipleOf: 1 }
  ]) t.equal(fault(within(keywords)), null, JSON.stringify(keywords))
  for (const branch of ['then', 'else']) t.equal(fault(within({ if: {}, [branch]: {} })), `if at ${PLACE}`)
})

t.test('a misspelt constraint is refused, and the right one is named', async t => {
  const cases: Array<[written: string, meant: string]> = [
    ['minimun', 'minimum'], ['min_length', 'minLength'], ['any_of', 'anyOf'],
    ['additional_properties', 'additionalProperties'],
    ['patern', 'pattern'], ['requires', 'required'], ['Enum', 'enum'], ['maxitems', 'maxItems'], ['property', ''],
    ['propertyOrdering', ''], ['unit', ''], ['enumNames', ''], ['errorMessage', ''], ['order', ''], ['title', ''],
    ['minDate', ''], ['uniqueItem', 'uniqueItems'], ['oneof', 'oneOf'], ['prefix_items', 'prefixItems']
  ]
  for (const [written, meant] of cases) {
    const found = refusal({ type: 'string', [written]: 1 })
    t.equal(found?.en.match(/did you mean "(.*)"/)?.[1] ?? '', meant, written)
  }
})

t.test('branches of an anyOf that cannot be enforced are dropped while one is left', async t => {
  const bad = { type: 'integer', multipleOf: 2 }
  t.equal(fault({ anyOf: [bad, { type: 'string' }] }), null)
  t.equal(fault({ anyOf: [bad, bad] }), 'multipleOf at #/anyOf/0', 'none is left')
  t.equal(fault({ anyOf: [{ type: 'string', pattern: 'a(?=b)' }, { type: 'null' }] }), null, 'a pattern')
  const deep = { type: 'object', properties: { a: { type: 'array', items: bad } } }
  t.equal(fault({ anyOf: [deep, { type: 'null' }] }), null, 'below a property')
  t.equal(fault({ $defs: { a: { anyOf: [bad] } }, anyOf: [{ $ref: '#/$defs/a' }, { type: 'null' }] }), null)
  t.equal(fault({ anyOf: [{ anyOf: [bad, { const: 1 }] }, { allOf: [bad] }] }), null, 'branches of branches')
  t.equal(fault({
    $defs: { n: { type: 'object', properties: { next: { $ref: '#/$defs/n' }, x: bad } } },
    anyOf: [{ $ref: '#/$defs/n' }, { type: 'null' }]
  }), null, 'a recursive branch')
  t.equal(fault({ anyOf: [{ type: 'text' }, { type: 'null' }] }), 'type at #/anyOf/0', 'an invalid branch is refused')
  t.equal(fault({ anyOf: [{ minimun: 1 }, { type: 'null' }] }), 'minimun at #/anyOf/0', 'so is a misspelt one')
  t.equal(
    fault({ oneOf: [{ anyOf: [bad, { type: 'null' }] }, { type: 'integer' }] }), 'oneOf at #',
    'a dropped branch may overlap'
  )
  t.equal(fault({ oneOf: [bad, { type: 'null' }] }), 'multipleOf at #/oneOf/0', 'a oneOf needs all of its branches')
  const grammar = grammarOfSchema({ anyOf: [bad, { const: 'left' }] })
  t.match(grammar, 'left')
  t.notMatch(grammar, '[0-9]')
})

t.test('the reason is given in both languages', async t => {
  t.strictSame(refusal({ contains: {} }), {
    keyword: 'contains',
    pointer: '#',
    en: 'The JSON schema cannot be enforced: "contains" at # is not supported',
    zh: '无法按此 JSON schema 约束回答：# 处的 "contains" 不受支持'
  })
  t.match(refusal({ minimun: 3 })?.en, /"minimun" at # is not a keyword; did you mean "minimum"\?$/)
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

t.test('references that are dangling, external or circular', async t => {
  for (const $ref of [
    '#/$defs/b', '#/$defs/a/properties/x', 'https://example.com/schema.json', 'other.json#/a', '#anchor', '#/%zz',
    '#/$defs/__proto__', '#/$defs/constructor', 5, '#/properties/l/length'
  ]) {
    t.equal(
      fault({ $defs: { a: {} }, type: 'object', properties: { l: { type: 'array', items: { $ref } } } }),
      '$ref at #/properties/l/items', String($ref)
    )
  }
  t.equal(fault({ $defs: { a: 5 }, $ref: '#/$defs/a' }), 'a at #/$defs', 'the target is not a schema')
  t.equal(fault({ $ref: '#' }), '$ref at #')
  t.equal(
    fault({ $defs: { a: { $ref: '#/$defs/b' }, b: { allOf: [{ $ref: '#/$defs/a' }] } }, $ref: '#/$defs/a' }),
    '$ref at #/$defs/b/allOf/0'
  )
  t.equal(fault({ anyOf: [{ type: 'null' }, { $ref: '#' }] }), '$ref at #/anyOf/1')
})

t.test('recursion without an end', async t => {
  t.equal(
    fault({ type: 'object', properties: { next: { $ref: '#' } }, required: ['next'] }), '$ref at #/properties/next'
  )
  t.equal(fault({ type: 'object', properties: { next: { $ref: '#' } } }), null)
  t.equal(fault({ type: 'array', items: { $ref: '#' }, minItems: 1 }), '$ref at #/items')
  t.equal(fault({ type: 'array', items: { $ref: '#' } }), null)
  t.equal(
    fault({ type: 'object', additionalProperties: { $ref: '#' }, minProperties: 1 }), '$ref at #/additionalProperties'
  )
  t.equal(
    fault({ type: 'object', properties: { a: { $ref: '#' }, b: { type: 'null' } }, minProperties: 2 }),
    '$ref at #/properties/a'
  )
  t.equal(fault({ type: 'object', properties: { a: { $ref: '#' }, b: { type: 'null' } }, minProperties: 1 }), null)
  const mutual = (required: string[]) => ({
    $defs: {
      a: { type: 'object', properties: { b: { $ref: '#/$defs/b' } }, required: ['b'] },
      b: { type: 'object', properties: { a: { $ref: '#/$defs/a' } }, required }
    },
    $ref: '#/$defs/a'
  })
  t.match(fault(mutual(['a'])), /^\$ref at /)
  t.equal(fault(mutual([])), null)
})

t.test('schemas that no value satisfies', async t => {
  t.equal(fault(false), 'false at #')
  t.equal(fault({ type: 'string', const: 5 }), 'const at #')
  t.equal(fault({ enum: [] }), 'enum at #')
  t.equal(fault({ enum: ['a', 'b'], minLength: 2 }), 'enum at #')
  t.equal(fault({ type: 'integer', minimum: 5, maximum: 4 }), 'minimum at #')
  t.equal(fault({ type: 'integer', exclusiveMinimum: 1, exclusiveMaximum: 2 }), 'exclusiveMinimum at #')
  t.equal(fault({ type: 'string', minLength: 3, maxLength: 2 }), 'minLength at #')
  t.equal(fault({ type: 'string', pattern: '^a$', minLength: 2 }), 'pattern at #')
  t.equal(fault({ type: 'array', items: false, minItems: 1 }), 'minItems at #')
  t.equal(fault({ type: 'object', required: ['a'], additionalProperties: false }), 'required at #')
  t.equal(fault({ type: 'object', required: ['a', 'b'], maxProperties: 1 }), 'required at #')
  t.equal(
    fault({ type: 'object', properties: { a: { allOf: [{ type: 'string' }, { type: 'null' }] } }, required: ['a'] }),
    'allOf at #/properties/a'
  )
  t.equal(fault({ allOf: [{ const: 1 }, { const: 2 }] }), 'allOf at #')
  t.equal(fault({ type: 'object', propertyNames: { maxLength: 1 }, required: ['ab'] }), 'required at #')
  t.equal(
    fault({ type: 'object', properties: { a: false, b: { type: 'null' } } }), null,
    'an optional property without values is left out'
  )
})

t.test('numbers that cannot be written', async t => {
  t.equal(fault({ type: 'integer', minimum: 1e17 }), 'minimum at #')
  t.equal(fault({ type: 'integer', exclusiveMaximum: -1e300 }), 'exclusiveMaximum at #')
  t.equal(fault({ type: 'number', minimum: 1e300 }), 'minimum at #')
  t.equal(fault({ type: 'number', exclusiveMinimum: 1e-20, exclusiveMaximum: 2e-20 }), 'exclusiveMinimum at #')
})

t.test('names that may repeat do not count towards minProperties', async t => {
  t.equal(fault({ type: 'object', additionalProperties: {}, minProperties: 2 }), 'minProperties at #')
  t.equal(fault({ type: 'object', minProperties: 1 }), null)
})

t.test('alternatives of a oneOf that are not known to be exclusive', async t => {
  const object = (properties: object, required: string[] = []) => ({ type: 'object', properties, required })
  t.equal(fault({ oneOf: [{ type: 'integer' }, { type: 'number' }] }), 'oneOf at #')
  t.equal(fault({ oneOf: [{ type: 'string' }, { const: 'a' }] }), 'oneOf at #')
  t.equal(fault({ oneOf: [{ type: 'null' }, { type: 'null' }] }), 'oneOf at #')
  t.equal(fault({ oneOf: [object({ a: {} }), object({ b: {} })] }), 'oneOf at #', 'both allow {}')
  t.equal(fault({ oneOf: [object({ a: {} }, ['a']), object({ b: {} }, ['b'])] }), null)
  t.equal(fault({ oneOf: [object({ a: {} }, ['a']), object({ a: {}, b: {} }, ['b'])] }), 'oneOf at #')
  t.equal(fault({ oneOf: [object({ k: { const: 1 } }), object({ k: { const: 2 } })] }), 'oneOf at #', 'k is optional')
  t.equal(fault({ oneOf: [{ type: 'string', pattern: '^a' }, { type: 'string', pattern: 'b$' }] }), 'oneOf at #')
  t.equal(
    fault({ oneOf: [{ type: 'string', format: 'uri' }, { const: 'urn:x' }] }), 'oneOf at #',
    'urn:x is a URI, although the grammar does not write it'
  )
  t.equal(
    fault({
      oneOf: [object({ u: { type: 'string', format: 'uri' } }, ['u']), object({ u: { const: 'urn:x' } }, ['u'])]
    }),
    'oneOf at #'
  )
  t.equal(fault({
    oneOf: [
      { type: 'array', prefixItems: [{ const: 1 }] },
      { type: 'array', prefixItems: [{ const: 1 }, { const: 2 }], minItems: 2 }
    ]
  }), 'oneOf at #')
  t.equal(fault({
    type: 'object', properties: { b: {} }, oneOf: [{ properties: { a: {} }, required: ['a'] }, { required: ['b'] }]
  }), 'oneOf at #')
})

t.test('alternatives that llama.cpp would have to follow in parallel', async t => {
  const object = (properties: object) => ({ type: 'object', properties, required: Object.keys(properties) })
  const many = <T>(count: number, one: (i: number) => T) => Array.from({ length: count }, (_, i) => one(i))
  const nodes = (u1: object, u2: object) => ({
    $defs: { u: { anyOf: [object({ c: u1, k: { const: 1 } }), object({ c: u2, k: { const: 2 } }), { type: 'null' }] } },
    $ref: '#/$defs/u'
  })
  t.equal(fault(nodes({ $ref: '#/$defs/u' }, { $ref: '#/$defs/u', title: 'the same' })), null, 'they are merged')
  t.equal(
    fault(nodes({ $ref: '#/$defs/u', maxProperties: 3 }, { $ref: '#/$defs/u', maxProperties: 4 })), 'anyOf at #/$defs/u'
  )
  t.equal(fault({
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
  t.equal(fault({ anyOf: many(100, i => object({ text: { type: 'string', maxLength: i } })) }), 'anyOf at #')
  t.equal(fault({ anyOf: many(60, i => object({ text: { type: 'string', maxLength: i } })) }), null)
  t.equal(
    fault({ anyOf: many(200, i => object({ kind: { const: i }, text: { type: 'string', maxLength: i } })) }),
    'anyOf at #'
  )
  t.equal(
    fault({ type: 'object', properties: Object.fromEntries(many(300, i => [`p${i}`, {}])) }), 'properties at #',
    'any of 300 names may come next'
  )
  t.equal(fault({
    type: 'object', properties: Object.fromEntries(many(300, i => [`p${i}`, {}])), required: many(300, i => `p${i}`)
  }), null)
})

t.test('patterns that are invalid, or that no automaton can express', async t => {
  for (const pattern of [
    '(?<=a)b', '(?<!a)b', 'a(?=b)', '^a(?!b)', '^(?!a)b|c', '(?!a)b', '(a)\\1', '(?<n>a)\\k<n>', '\\bword\\b', '\\B',
    '\\p{L}+', '[\\P{Lu}]', '(', '[', 'a{2,1}', '\\-', '(?i:a)', 5, '('.repeat(60) + ')'.repeat(60)
  ]) {
    t.equal(fault({ type: 'string', pattern }), 'pattern at #', String(pattern))
  }
})

t.test('keywords with invalid values', async t => {
  const wrong: Array<[string, unknown]> = [
    ['type', 'text'], ['type', ['string', 'any']], ['type', null], ['enum', 'a'], ['minimum', '5'], ['maximum', null],
    ['minLength', -1], ['maxLength', 1.5], ['minItems', '1'], ['maxItems', -5], ['minProperties', []],
    ['pattern', null], ['format', 5], ['items', 5],
    ['prefixItems', {}], ['properties', []], ['properties', null], ['required', 'a'], ['required', [1]],
    ['additionalProperties', 'no'], ['propertyNames', []], ['allOf', {}], ['anyOf', 'x'], ['oneOf', 1]
  ]
  for (const [keyword, value] of wrong) t.equal(fault({ [keyword]: value }), `${keyword} at #`, JSON.stringify(value))
  t.equal(fault({ properties: { a: null } }), 'a at #/properties')
  t.equal(fault({ anyOf: [{}, 3] }), '1 at #/anyOf')
  for (const schema of [null, undefined, 5, 'string', []]) t.equal(fault(schema), 'schema at #')
})

t.test('names and places in errors have a maximum length', async t => {
  const { pointer } = refusal({ properties: { ['p'.repeat(5000)]: { contains: {} } } })!
  const { keyword } = refusal({ properties: { ['p'.repeat(5000)]: 1 } })!
  t.ok(keyword.length < 300 && pointer.length < 300)
})
