const object = (properties: Record<string, unknown>, required = Object.keys(properties)) =>
  ({ type: 'object', properties, required })

const tree = {
  type: 'object',
  properties: { value: { type: 'integer' }, children: { type: 'array', items: { $ref: '#' }, maxItems: 3 } },
  required: ['value'],
  additionalProperties: false
}
const list = {
  $defs: {
    node: object({ value: { type: 'boolean' }, next: { anyOf: [{ type: 'null' }, { $ref: '#/$defs/node' }] } })
  },
  $ref: '#/$defs/node'
}

/** Schemas as people write them, by topic. */
export const SCHEMAS: Record<string, unknown> = {
  'an object with required keys': object({ name: { type: 'string' }, age: { type: 'integer' } }),
  'optional keys': object(
    { a: { type: 'boolean' }, b: { type: 'null' }, c: { type: 'boolean' }, d: { enum: [1, 2] } }, ['b']
  ),
  'only optional keys': {
    type: 'object', properties: { a: { const: 1 }, b: { const: 2 }, c: { const: 3 } }, additionalProperties: false
  },
  'no keys at all': { type: 'object', additionalProperties: false },
  'a required key without a schema': { type: 'object', properties: { a: { type: 'boolean' } }, required: ['b', 'a'] },
  'names that need escapes': object({
    '': { type: 'null' },
    'a"b\\c/d': { type: 'boolean' },
    'line\nbreak\u0001': { const: 'x' },
    'naïve 名前 😀': { const: 'ünï' }
  }),
  'a map': { type: 'object', additionalProperties: { type: 'integer' } },
  'a free map': { type: 'object' },
  'a map next to properties': {
    type: 'object',
    properties: { id: { const: 'x' }, idle: { type: 'boolean' } },
    required: ['id'],
    additionalProperties: { type: 'integer' }
  },
  'a map with names of a pattern': {
    type: 'object',
    propertyNames: { pattern: '^[a-z]{2,4}$' },
    additionalProperties: { type: 'boolean' },
    minProperties: 1,
    maxProperties: 3
  },
  'a map with names of an enum': {
    type: 'object', propertyNames: { enum: ['red', 'green', 'blue'] }, additionalProperties: { type: 'integer' }
  },
  'names of a length': {
    type: 'object', propertyNames: { minLength: 1, maxLength: 3 }, additionalProperties: { const: 1 }
  },
  'at least two of four': {
    type: 'object',
    properties: { a: { const: 1 }, b: { const: 1 }, c: { const: 1 }, d: { const: 1 } },
    required: ['c'],
    minProperties: 2,
    maxProperties: 3
  },
  'counted others': {
    type: 'object',
    properties: { a: { const: 1 }, b: { const: 1 } },
    additionalProperties: { const: 2 },
    minProperties: 2,
    maxProperties: 4
  },
  'a property that must not appear': { type: 'object', properties: { a: false, b: { type: 'null' } } },
  everything: {},
  true: true,
  'a string': { type: 'string' },
  'a string of a length': { type: 'string', minLength: 3, maxLength: 7 },
  'a long string': { type: 'string', minLength: 300, maxLength: 1500 },
  'only the empty string': { type: 'string', maxLength: 0 },
  'a number': { type: 'number' },
  'a probability': { type: 'number', minimum: 0, maximum: 1 },
  'an open interval': { type: 'number', exclusiveMinimum: -1.5, exclusiveMaximum: 0.25 },
  'a positive number': { type: 'number', exclusiveMinimum: 0 },
  'a large number': { type: 'number', minimum: 12345678901.5 },
  'a tiny interval': { type: 'number', minimum: 1e-9, maximum: 3e-9 },
  'a negative number': { type: 'number', maximum: -2.75 },
  'an integer': { type: 'integer' },
  'a byte': { type: 'integer', minimum: 0, maximum: 255 },
  'a range around zero': { type: 'integer', minimum: -12, maximum: 107 },
  'an exclusive range': { type: 'integer', exclusiveMinimum: 9.5, exclusiveMaximum: 1000 },
  'an integer of OpenAPI': { type: 'integer', format: 'int32', minimum: 2_000_000_000 },
  'a large integer': { type: 'integer', minimum: 9_007_199_254_740_000 },
  'a list': { type: 'array', items: { type: 'integer' } },
  'a free list': { type: 'array', minItems: 2, maxItems: 4 },
  'an empty list': { type: 'array', items: { type: 'integer' }, maxItems: 0 },
  'a list of three': { type: 'array', items: { type: 'boolean' }, minItems: 3, maxItems: 3 },
  'a long list': { type: 'array', items: { const: 1 }, minItems: 290, maxItems: 900 },
  'a tuple': { type: 'array', prefixItems: [{ type: 'integer' }, { type: 'string', maxLength: 2 }] },
  'a tuple and more': {
    type: 'array', prefixItems: [{ type: 'null' }], items: { type: 'boolean' }, minItems: 2, maxItems: 4
  },
  'a tuple and nothing more': { type: 'array', prefixItems: [{ type: 'null' }, { const: 'a' }], items: false },
  'a tuple with an impossible item': { type: 'array', prefixItems: [{ const: 1 }, false, { const: 3 }] },
  'a tuple that is longer than its schemas': { type: 'array', prefixItems: [{ const: 1 }], minItems: 3 },
  'a list of objects': {
    type: 'array',
    items: object({
      label: { enum: ['cat', 'dog', 'car', 'cart', 'Katze', '猫'] },
      box: { type: 'array', items: { type: 'integer', minimum: 0, maximum: 1000 }, minItems: 4, maxItems: 4 }
    }),
    maxItems: 5
  },
  'types of a list': { type: ['string', 'null', 'integer'], maxLength: 2, minimum: 5 },
  nullable: { type: 'string', nullable: true, maxLength: 1 },
  'an enum of all kinds': {
    enum: ['a', 'b"', 1, -0.5, 1e300, null, true, [1, [2]], { a: { b: null } }, 'é😀\u2028\n']
  },
  'an enum with a type': { type: ['string', 'boolean'], enum: ['abc', 'a', 1, true, null], minLength: 2 },
  'many strings': { enum: Array.from({ length: 60 }, (_, i) => `item ${i} of ${i * 7 % 13}`) },
  'a constant': { const: { list: [1, 'two', { three: 3 }], 'n"ull': null } },
  'a constant with properties': { type: 'object', properties: { a: { type: 'integer' } }, const: { a: 1, b: 2 } },
  'any of': {
    anyOf: [{ type: 'integer' }, object({ a: { type: 'boolean' } }), { type: 'array', items: { type: 'null' } }]
  },
  'any of with more': {
    type: 'object',
    properties: { kind: { type: 'string' }, n: { type: 'integer' } },
    required: ['kind'],
    anyOf: [
      { properties: { kind: { const: 'a' } } },
      { properties: { kind: { const: 'b' }, n: { minimum: 5 } }, required: ['n'] }
    ]
  },
  'one of by a constant': {
    oneOf: [
      object({ kind: { const: 'circle' }, r: { type: 'number' } }),
      object({ kind: { const: 'box' }, w: { type: 'number' } }), object({ kind: { enum: ['x', 'y', 'z', 'zz'] } })
    ]
  },
  'one of by type': {
    oneOf: [
      { type: 'integer', maximum: 5 },
      { type: 'integer', minimum: 6 },
      { type: 'string' },
      { type: 'array', maxItems: 2 }
    ]
  },
  'one of by names': {
    type: 'object',
    oneOf: [
      { properties: { a: { type: 'boolean' } }, required: ['a'] },
      { properties: { b: { type: 'boolean' } }, required: ['b'] }
    ]
  },
  'one of next to properties': {
    type: 'object',
    properties: { id: { type: 'boolean' } },
    required: ['id'],
    oneOf: [{ properties: { a: { const: 1 } }, required: ['a'] }, { properties: { a: { const: 2 } }, required: ['a'] }]
  },
  'one of by pattern': { oneOf: [{ type: 'string', pattern: '^a' }, { type: 'string', pattern: '^[b-z]+$' }] },
  'one of by length of tuples': {
    oneOf: [
      { type: 'array', prefixItems: [{ const: 1 }], items: false },
      { type: 'array', prefixItems: [{ const: 1 }, { const: 2 }], minItems: 2 }
    ]
  },
  'objects with the same first property': {
    anyOf: [1, 2, 3].map(k => object({ next: { anyOf: [{ type: 'null' }, { $ref: '#' }] }, k: { const: k } }))
  },
  'objects with common and different first properties': {
    anyOf: [
      object({ a: { type: 'boolean' }, b: { const: 1 }, c: { const: 1 } }, ['b']),
      object({ a: { type: 'boolean' }, c: { const: 2 } }, []), object({ b: { const: 2 } }, [])
    ]
  },
  'objects that are counted': {
    anyOf: [
      { ...object({ a: { const: 1 }, b: { const: 1 }, c: { const: 1 } }, []), minProperties: 2 },
      { ...object({ a: { const: 1 }, b: { const: 1 }, d: { const: 1 } }, ['a']), maxProperties: 2 }
    ]
  },
  'maps that overlap': {
    anyOf: [
      { type: 'object', properties: { a: { const: 'x' } }, additionalProperties: { type: 'boolean' } },
      { type: 'object', additionalProperties: { type: 'null' }, minProperties: 1 },
      { type: 'object', additionalProperties: { const: 1 }, maxProperties: 2 }
    ]
  },
  expressions: {
    $defs: {
      e: {
        anyOf: [
          { type: 'integer' },
          ...['+', '-', '*'].map(op => {
            const operand = { $ref: '#/$defs/e' }
            return object({ left: { ...operand, description: op }, op: { const: op }, right: operand })
          })
        ]
      }
    },
    $ref: '#/$defs/e'
  },
  'all of': {
    allOf: [
      object({ a: { type: 'integer', minimum: 0 } }), object({ b: { type: 'boolean' } }),
      { properties: { a: { maximum: 9 } } }
    ]
  },
  'all of contradictory properties': {
    allOf: [
      { type: 'object', properties: { a: { const: 1 } }, additionalProperties: false },
      { type: 'object', properties: { a: {}, b: {} } }
    ]
  },
  'all of strings': {
    allOf: [{ type: 'string', pattern: '^[a-f]+$' }, { pattern: 'd' }, { maxLength: 4 }, { minLength: 2 }]
  },
  references: {
    $defs: { 'p/t~%': { type: 'integer', minimum: 1, maximum: 3 } },
    type: 'array',
    items: { $ref: '#/$defs/p~1t~0%25', maximum: 2 },
    maxItems: 3
  },
  definitions: {
    definitions: { name: { type: 'string', maxLength: 3 } },
    ...object({ a: { $ref: '#/definitions/name' }, b: { $ref: '#/properties/a' } })
  },
  tree,
  'a linked list': list,
  'trees that contain each other': {
    $defs: {
      a: { type: 'object', properties: { b: { $ref: '#/$defs/b' } } },
      b: { type: 'array', items: { $ref: '#/$defs/a' }, maxItems: 2 }
    },
    $ref: '#/$defs/a'
  },
  'a boolean': {
    type: 'boolean',
    title: 'B',
    description: 'b',
    default: true,
    examples: [true],
    $comment: '',
    deprecated: true,
    readOnly: true,
    'x-order': 1
  },
  'the draft in $schema': {
    $schema: 'https://json-schema.org/draft/2020-12/schema', $id: 'https://example.com/a', type: 'null'
  }
}

/** Patterns whose matches are compared with those of ECMAScript. */
export const PATTERNS = [
  '^[a-z]+$', 'abc', '^a', 'a$', '^$', '', '^(?:yes|no)$', '^a|b$', '^(a|b)$', '^\\d{3}-\\d{4}$', '^[A-Z]{2,4}\\d?$',
  '^#[0-9a-fA-F]{6}$', '^\\S+$', '^\\w+\\s\\w+$', '^[^"\\\\]*$', '^".*"$', '^[\\u4e00-\\u9fa5]{1,3}$',
  '^\\u{1f600}+?$', '^.{2}$', '^[\\s\\S]{1,2}$', '^(a*)*b$', '^(?<year>\\d{4})$', '^[\\]\\-^]+$', '^a{0}b$',
  '^\\x41\\cA\\0\\t\\n$', '^[\\b]$', '^(ab|a)(c|bcd)$', '(^|,)x(,|$)',
  '^(?!\\.)(?!.*\\.\\.)([A-Za-z0-9_\'+\\-\\.]*)[A-Za-z0-9_+-]@([A-Za-z0-9][A-Za-z0-9\\-]*\\.)+[A-Za-z]{2,}$',
  '^(?=.*\\d)[a-z0-9]{2,5}$', '^(a|aa|aaa){2}$', '^\\ud83d\\ude00$', '^[\\ud800-\\udfff]*$', '^a\\/b\\.c\\$$',
  '^[^\\d\\D]*$'
]

export const FORMATS = ['date', 'time', 'date-time', 'duration', 'uuid', 'email', 'hostname', 'ipv4', 'ipv6', 'uri']
