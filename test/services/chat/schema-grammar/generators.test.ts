import t from 'tap'
import Type from 'typebox'
import { z } from 'zod'
import { generator } from '../../../../tools/lib/random.ts'
import { grammarOfSchema } from '../../../../services/chat/schema-grammar/index.ts'
import { createSampler } from './gbnf.ts'
import { fault } from './refusal.ts'

/** What a generator writes, and the place of its refusal; null for a schema that is enforced. */
type Case = [kind: string, schema: unknown, refused?: string]

const DRAWS = 30

const zodKinds: Record<string, z.ZodType> = {
  cuid: z.cuid(),
  cuid2: z.cuid2(),
  nanoid: z.nanoid(),
  ulid: z.ulid(),
  xid: z.xid(),
  ksuid: z.ksuid(),
  e164: z.e164(),
  cidrv4: z.cidrv4(),
  base64: z.base64(),
  base64url: z.base64url(),
  guid: z.guid(),
  hostname: z.hostname(),
  duration: z.iso.duration(),
  startsWith: z.string().startsWith('ab.'),
  endsWith: z.string().endsWith('z'),
  includes: z.string().includes('mid'),
  lowercase: z.string().lowercase(),
  'startsWith and endsWith': z.string().startsWith('a').endsWith('b'),
  'template literal': z.templateLiteral(['id-', z.number()]),
  positive: z.number().positive(),
  int32: z.int32(),
  tuple: z.tuple([z.boolean(), z.int()]),
  'tuple with a rest': z.tuple([z.boolean()], z.int()),
  'optional, nullable and default': z.object({ a: z.int().nullable().optional(), b: z.int().default(1) }),
  'discriminated union': z.discriminatedUnion('k', [z.object({ k: z.literal('a') }), z.object({ k: z.literal('b') })]),
  record: z.record(z.enum(['a', 'b']), z.int()),
  never: z.object({ a: z.int(), b: z.never().optional() }),
  meta: z.object({ a: z.int().meta({ id: 'Length', title: 'Length', unit: 'cm' }) })
}

for (const target of ['draft-2020-12', 'draft-7', 'draft-4', 'openapi-3.0'] as const) {
  // For the older targets, zod writes fewer constraints than it checks: tuples and the names of records.
  const isExact = target.startsWith('draft-2020') || target === 'draft-7'
  t.test(`zod, ${target}: every type is enforced, and zod parses every text of its grammar`, async t => {
    for (const [kind, type] of Object.entries(zodKinds)) {
      const schema = z.toJSONSchema(type, { target })
      t.equal(fault(schema), null, kind)
      if (!isExact) continue
      const draw = createSampler(grammarOfSchema(schema))
      const random = generator(1)
      const wrong = Array.from({ length: DRAWS }, () => draw(random))
        .filter(text => !type.safeParse(JSON.parse(text)).success)
      t.same(wrong, [], kind)
    }
    t.equal(fault(z.toJSONSchema(z.int().multipleOf(5), { target })), 'multipleOf at #', 'a true constraint')
  })
}

t.test('zod: formats without a pattern are ignored', async t => {
  t.equal(fault(z.toJSONSchema(z.jwt())), null)
  t.equal(fault(z.toJSONSchema(z.file())), null)
})

t.test('typebox', async t => {
  const node = Type.Object({ v: Type.String(), next: Type.Optional(Type.Ref('Node')) })
  const cases: Case[] = [
    ['union', Type.Union([Type.Literal('a'), Type.Null()])],
    ['tuple', Type.Tuple([Type.String(), Type.Number()])],
    ['record', Type.Record(Type.String(), Type.Number())],
    ['record of integers', Type.Record(Type.Integer(), Type.Number())],
    ['a module with $id and $ref', Type.Module({ Node: node }).Node],
    ['$id', Type.Object({ inner: Type.Object({ a: Type.String() }, { $id: 'Inner' }) }, { $id: 'Outer' })],
    ['options of its own', Type.String({ unit: 'cm', widget: 'slider' })],
    ['never', Type.Object({ a: Type.Optional(Type.Never()) })],
    ['intersect', Type.Intersect([Type.Object({ a: Type.String() }), Type.Object({ b: Type.String() })])]
  ]
  for (const [kind, type, refused = null] of cases) t.equal(fault(JSON.parse(JSON.stringify(type))), refused, kind)
  const draw = createSampler(grammarOfSchema(JSON.parse(JSON.stringify(Type.Record(Type.Integer(), Type.Boolean())))))
  const random = generator(1)
  for (let i = 0; i < DRAWS; i++) t.match(draw(random), /^\{("-?\d+": ?(true|false)(, ?|(?=\})))*\}$/)
})

t.test('generators by samples of their output', async t => {
  const cases: Array<[generator: string, ...Case]> = [
    ['Pydantic', 'Decimal', {
      anyOf: [{ type: 'number' }, { type: 'string', pattern: '^(?!^[-+.]*$)[+-]?0*\\d*\\.?\\d*$' }], title: 'Price'
    }],
    ['Pydantic', 'bytes and Path', {
      type: 'object', properties: { a: { type: 'string', format: 'binary' }, b: { type: 'string', format: 'path' } }
    }],
    ['Pydantic', 'Json', { type: 'string', contentMediaType: 'application/json', contentSchema: { type: 'integer' } }],
    ['Pydantic', 'a set', { type: 'array', items: { type: 'string' }, uniqueItems: true }, 'uniqueItems at #'],
    ['Pydantic', 'a regular expression of Python', { type: 'string', pattern: '\\A(?P<year>\\d{4})-[\\]A]\\Z' }],
    ['Pydantic', 'an optional set', { anyOf: [{ type: 'array', uniqueItems: true }, { type: 'null' }] }],
    ['Pydantic', 'a tuple of v1', { type: 'array', items: [{ type: 'string' }], minItems: 1, maxItems: 1 }],
    ['Pydantic', 'secret and url', {
      type: 'object',
      properties: {
        a: { type: 'string', format: 'password', writeOnly: true }, b: { type: 'string', format: 'uri', minLength: 1 }
      }
    }],
    ['Pydantic', 'json_schema_extra', { type: 'integer', unit: 'kg', 'ui:widget': 'updown', enumNames: ['one'] }],
    ['Gemini', 'types in capitals and propertyOrdering', {
      type: 'OBJECT',
      properties: { a: { type: 'STRING', format: 'enum', enum: ['x', 'y'], nullable: true }, b: { type: 'INTEGER' } },
      required: ['a'],
      propertyOrdering: ['a', 'b']
    }],
    ['Gemini', 'names with underscores', { type: 'ARRAY', items: { type: 'STRING' }, min_items: 1 }, 'min_items at #'],
    ['OpenAPI 3.0', 'xml, externalDocs and exclusiveMinimum', {
      type: 'integer',
      format: 'int64',
      minimum: 0,
      exclusiveMinimum: true,
      xml: { name: 'x' },
      externalDocs: { url: 'https://example.com' }
    }],
    ['OpenAPI 3.0', 'discriminator', {
      anyOf: [{ type: 'object', properties: { k: { type: 'string' } } }], discriminator: { propertyName: 'k' }
    }],
    ['.NET', 'a regular expression of C#', { type: 'string', pattern: '(?<=a)b' }, 'pattern at #'],
    ['ajv', 'errorMessage and instanceof', { type: 'string', errorMessage: { type: 'no' }, transform: ['trim'] }],
    ['VS Code', 'hints for editors', { type: 'string', markdownDescription: 'a', deprecationMessage: 'b', order: 1 }],
    ['ts-json-schema-generator', 'definitions', {
      $ref: '#/definitions/A', definitions: { A: { type: 'object', properties: { a: { type: 'string' } } } }
    }],
    ['json-schema-to-typescript', 'tsType', { type: 'string', tsType: 'Date', tsEnumNames: ['a'] }],
    ['quicktype', 'qt-uri-protocols', { type: 'string', format: 'uri', 'qt-uri-protocols': ['https'] }],
    ['genson', 'the draft', { $schema: 'http://json-schema.org/schema#', type: 'array', items: { type: 'integer' } }],
    ['Java', '$anchor', { $defs: { a: { $anchor: 'Name', type: 'string' } }, $ref: '#Name' }],
    ['Java', 'an embedded schema', {
      $defs: { a: { $id: 'urn:a', $defs: { b: { type: 'null' } }, $ref: '#/$defs/b' } }, $ref: 'urn:a'
    }],
    ['Java', 'a pointer into an embedded schema', {
      $defs: { a: { $id: 'urn:a', $defs: { b: { type: 'null' } } } }, $ref: 'urn:a#/$defs/b'
    }],
    ['Go', 'additionalItems', { type: 'array', items: [{ type: 'null' }], additionalItems: false }],
    ['Go', 'patternProperties of a map', { type: 'object', patternProperties: { '.*': { type: 'integer' } } }],
    ['Go', 'patternProperties of a struct', {
      type: 'object', properties: { a: {} }, patternProperties: { '^x-': {} }
    }, 'patternProperties at #']
  ]
  for (const [name, kind, schema, refused = null] of cases) t.equal(fault(schema), refused, `${name}: ${kind}`)
  t.match(grammarOfSchema({ type: 'integer', minimum: 0, exclusiveMinimum: true, maximum: 2 }), '"1" "" | "2"')
})
