import t from 'tap'
import { Type, type TObjectOptions, type TSchema } from 'typebox'
import type { Phrase } from '../../errors/language.ts'
import { checkCount, createCheck, toFieldError, type Fault } from '../../schemas/check.ts'
import { errorOf, refusalOf } from '../services/refusal.ts'

const FAULT: Phrase = { en: 'must be a colour', zh: '必须是颜色' }
const THINGS: Phrase = { en: 'things', zh: '个东西' }

const constants = (...values: Array<string | number>) => Type.Union(values.map(value => Type.Literal(value)))
const object = (properties: Record<string, TSchema>, options: TObjectOptions = {}) => Type.Object(properties, options)

function faultOf (schema: TSchema, value: unknown): Fault {
  const fault = createCheck(schema)(value)
  if (!fault) throw new Error('the value is valid')
  return fault
}

/** The place of a fault, and its phrase in English. */
const brief = ({ steps, phrase }: Fault): [string, string] => [steps.join('/'), phrase.en]

t.test('a valid value has no fault', async t => {
  const check = createCheck(object({ a: Type.String(), b: Type.Optional(Type.Array(Type.Number())) }))
  for (const value of [{ a: '' }, { a: 'x', b: [] }, { a: 'x', b: [1, 2.5], more: true }]) t.equal(check(value), null)
})

t.test('a fault is found at its place, for every keyword', async t => {
  const cases: Array<[schema: TSchema, value: unknown, place: string, phrase: string]> = [
    [Type.String(), 5, '', 'must be a string'],
    [Type.String({ minLength: 2 }), 'a', '', 'must not have fewer than 2 characters'],
    [Type.String({ pattern: '^a$' }), 'b', '', 'is not valid'],
    [Type.Integer(), 1.5, '', 'must be an integer'],
    [Type.Number({ minimum: 1 }), 0, '', 'must be >= 1'],
    [Type.Number({ exclusiveMinimum: 0 }), 0, '', 'must be > 0'],
    [Type.Boolean(), 'true', '', 'must be true or false'],
    [Type.Literal('a'), 'b', '', 'must be "a"'],
    [Type.Never(), 5, '', 'is not valid'],
    [Type.Array(Type.String()), {}, '', 'must be a list'],
    [Type.Array(Type.String(), { minItems: 1 }), [], '', 'must not be empty'],
    [Type.Array(Type.String()), ['a', 5], '1', 'must be a string'],
    [Type.Array(Type.Array(Type.String())), [[], ['a', 5]], '1/1', 'must be a string'],
    [object({ a: Type.String() }), [], '', 'must be an object'],
    [object({ a: Type.String() }), null, '', 'must be an object'],
    [object({ a: Type.String() }), {}, '', 'must have "a"'],
    [object({ a: object({ b: Type.String() }) }), { a: {} }, 'a', 'must have "b"'],
    [object({ a: Type.String() }), { a: 5 }, 'a', 'must be a string'],
    [
      object({ a: Type.Array(object({ b: Type.String() })) }), { a: [{ b: '' }, { b: 1 }] }, 'a/1/b', 'must be a string'
    ],
    [object({}, { maxProperties: 0 }), { a: 1 }, '', 'must not have more than 0 members']
  ]
  for (const [schema, value, place, phrase] of cases) {
    t.strictSame(brief(faultOf(schema, value)), [place, phrase], `${JSON.stringify(schema)} ${JSON.stringify(value)}`)
  }
})

t.test('the first fault counts: of members in the order of the schema, of items in the order of the list', async t => {
  const schema = object({ a: Type.String(), b: Type.String(), c: Type.Optional(Type.Array(Type.String())) })
  t.strictSame(brief(faultOf(schema, { b: 5, a: 5 })), ['a', 'must be a string'])
  t.strictSame(brief(faultOf(schema, { b: 5 })), ['', 'must have "a"'], 'missing members first')
  t.strictSame(brief(faultOf(schema, { a: '', b: '', c: ['', 1, 2] })), ['c/1', 'must be a string'])
})

t.test('a fault above a limit has the limit', async t => {
  const cases: Array<[schema: TSchema, value: unknown, limit: number | undefined]> = [
    [Type.Number({ maximum: 5 }), 6, 5],
    [Type.String({ maxLength: 2 }), 'abc', 2],
    [Type.Array(Type.Any(), { maxItems: 1 }), [1, 2], 1],
    [Type.Number({ minimum: 5 }), 4, undefined],
    [Type.String({ minLength: 2 }), '', undefined],
    [Type.String(), 5, undefined]
  ]
  for (const [schema, value, limit] of cases) t.equal(faultOf(schema, value).limit, limit, JSON.stringify(schema))
})

t.test('phrases are in English and Chinese', async t => {
  t.strictSame(faultOf(Type.Number({ maximum: 5 }), 6).phrase, { en: 'must be <= 5', zh: '必须 <= 5' })
  t.strictSame(faultOf(object({ a: Type.String() }), {}).phrase, {
    en: 'must have "a"', zh: '缺少 "a"'
  })
  t.strictSame(faultOf(constants('a', 'b'), 'c').phrase, { en: 'must be one of a, b', zh: '必须是 a、b 之一' })
  t.strictSame(faultOf(object({ a: Type.Any() }, { additionalProperties: false }), { b: 1 }).phrase, {
    en: 'is unknown', zh: '未知'
  })
})

t.test('an unknown name is a fault where the schema excludes it', async t => {
  const closed = { additionalProperties: false }
  const inner = object({ b: Type.Optional(Type.String()) }, closed)
  const schema = object({ a: Type.Optional(inner), list: Type.Optional(Type.Array(inner)) })
  t.equal(createCheck(schema)({ more: 1 }), null, 'the outer object is open')
  t.strictSame(faultOf(schema, { a: { c: 1 } }), { steps: ['a', 'c'], phrase: { en: 'is unknown', zh: '未知' } })
  t.strictSame(faultOf(schema, { list: [{}, { c: 1 }] }).steps, ['list', '1', 'c'])
  for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty', '', 'b ']) {
    const value = JSON.parse(`{"a":{${JSON.stringify(name)}:1}}`)
    t.strictSame(faultOf(schema, value).steps, ['a', name], JSON.stringify(name))
  }
  t.strictSame(brief(faultOf(schema, { a: { b: 5, c: 1 } })), ['a/c', 'is unknown'], 'names come before values')
})

t.test('a schema that declares a name of JavaScript finds its faults', async t => {
  const schema = object({ constructor: Type.String() }, { additionalProperties: false })
  t.strictSame(brief(faultOf(schema, {})), ['', 'must have "constructor"'])
  t.equal(createCheck(schema)({ constructor: 'a' }), null)
})

t.test('100 characters of an unknown name are repeated', async t => {
  const schema = object({ a: Type.Optional(Type.Any()) }, { additionalProperties: false })
  t.strictSame(faultOf(schema, { ['n'.repeat(5000)]: 1 }).steps, ['n'.repeat(100)])
})

t.test('tens of thousands of unknown names are refused by the first', async t => {
  const schema = object({ a: Type.Optional(Type.Any()) }, { additionalProperties: false })
  const value = Object.fromEntries(Array.from({ length: 50_000 }, (_, i) => [`n${i}`, i]))
  t.strictSame(faultOf(schema, value).steps, ['n0'])
})

t.test('a union of objects is told apart by type or role', async t => {
  const part = (type: string, more: Record<string, TSchema> = {}) =>
    object({ type: Type.Literal(type), ...more }, { additionalProperties: false })
  const parts = Type.Union([part('text', { text: Type.String() }), part('image', { url: Type.String() })])
  t.strictSame(brief(faultOf(parts, { type: 'text', text: 5 })), ['text', 'must be a string'])
  t.strictSame(brief(faultOf(parts, { type: 'image' })), ['', 'must have "url"'])
  t.strictSame(brief(faultOf(parts, { type: 'image', url: '', text: '' })), ['text', 'is unknown'])
  for (const type of ['sound', 5, null, ['text'], undefined]) {
    t.strictSame(brief(faultOf(parts, { type })), ['type', 'must be one of text, image'], JSON.stringify(type))
  }
  t.strictSame(brief(faultOf(parts, {})), ['type', 'must be one of text, image'])
  t.strictSame(brief(faultOf(parts, 5)), ['', 'must be an object'])

  const roles = Type.Union([
    object({ role: constants('system', 'developer'), content: Type.String() }),
    object({ role: Type.Literal('user') })
  ])
  t.strictSame(brief(faultOf(roles, { role: 'developer', content: 5 })), ['content', 'must be a string'])
  t.strictSame(brief(faultOf(roles, { role: 'bot' })), ['role', 'must be one of system, developer, user'])
})

t.test('a union of constants names them', async t => {
  t.strictSame(brief(faultOf(constants('a', 'b', 3), 'c')), ['', 'must be one of a, b, 3'])
  t.strictSame(brief(faultOf(object({ a: constants('x', 'y') }), { a: {} })), ['a', 'must be one of x, y'])
})

t.test('in a union of kinds the alternative of the kind of the value has the fault', async t => {
  const stop = Type.Union([Type.String({ minLength: 1 }), Type.Array(Type.String({ minLength: 1 }), { maxItems: 2 })])
  t.strictSame(brief(faultOf(stop, '')), ['', 'must not be empty'])
  t.strictSame(brief(faultOf(stop, ['a', ''])), ['1', 'must not be empty'])
  t.strictSame(faultOf(stop, ['a', 'b', 'c']).limit, 2)
  const schema = Type.Union([Type.Boolean(), object({ a: Type.String() })])
  t.strictSame(brief(faultOf(schema, { a: 5 })), ['a', 'must be a string'], 'the only object is meant')
})

t.test('unions within unions, with null, are one union', async t => {
  const content = Type.Union([Type.String(), Type.Array(object({ type: Type.Literal('text'), text: Type.String() }))])
  const schema = Type.Union([content, Type.Null()], { fault: FAULT })
  const check = createCheck(schema)
  for (const value of [null, 'a', [], [{ type: 'text', text: '' }]]) t.equal(check(value), null)
  t.strictSame(brief(faultOf(schema, [{ type: 'text', text: 5 }])), ['0/text', 'must be a string'])
  t.strictSame(brief(faultOf(schema, 5)), ['', 'must be a colour'])
  const detail = Type.Union([constants('low', 'high'), Type.Null()], { fault: FAULT })
  t.equal(createCheck(detail)(null), null)
  t.strictSame(brief(faultOf(detail, 'medium')), ['', 'must be a colour'])
})

t.test('`fault` replaces the words about the value itself, not those about its members', async t => {
  const option = { fault: FAULT }
  t.strictSame(faultOf(Type.String(option), 5), { steps: [], phrase: FAULT })
  t.strictSame(faultOf(Type.Never(option), 5), { steps: [], phrase: FAULT })
  const schema = object({ a: object({ b: Type.String() }, option) })
  t.strictSame(faultOf(schema, {}), { steps: ['a'], phrase: FAULT }, 'a missing value has the fault itself')
  t.strictSame(faultOf(schema, { a: 5 }), { steps: ['a'], phrase: FAULT })
  t.strictSame(brief(faultOf(schema, { a: { b: 5 } })), ['a/b', 'must be a string'])
})

t.test('`counted` names the things of a list that is too long, before its items are checked', async t => {
  const schema = Type.Array(Type.String(), { maxItems: 2, counted: THINGS, fault: FAULT })
  t.strictSame(faultOf(schema, [1, 2, 3]), {
    steps: [], phrase: { en: 'has 3 things; the limit is 2', zh: '有 3 个东西，上限为 2' }, limit: 2
  })
  t.strictSame(faultOf(schema, {}), { steps: [], phrase: FAULT })
  t.strictSame(brief(faultOf(schema, ['a', 1])), ['1', 'must be a string'])
})

t.test('`whole` reports a fault of a member as a fault of the value', async t => {
  const schema = object({ list: Type.Array(Type.Literal('text'), { whole: true, fault: FAULT }) })
  for (const list of [['sound'], ['text', 5], {}, 'text']) {
    t.strictSame(faultOf(schema, { list }), { steps: ['list'], phrase: FAULT }, JSON.stringify(list))
  }
})

t.test('`place` moves a fault, also that of a missing value', async t => {
  const choice = object({
    type: Type.Literal('function', { place: [], fault: FAULT }),
    function: object({ name: Type.String() }, { place: ['function', 'name'], fault: FAULT })
  })
  const schema = object({ choice })
  const placeOf = (value: unknown) => faultOf(schema, { choice: value }).steps.join('/')
  t.equal(placeOf({ type: 'other', function: { name: '' } }), 'choice')
  t.equal(placeOf({ function: { name: '' } }), 'choice')
  t.equal(placeOf({ type: 'function' }), 'choice/function/name')
  t.equal(placeOf({ type: 'function', function: 5 }), 'choice/function/name')
  t.equal(placeOf({ type: 'function', function: { name: 5 } }), 'choice/function/name')
})

t.test('an error names the place as in JavaScript, and has the limit', async t => {
  const toRefusal = (fault: Fault) => refusalOf(() => { throw toFieldError(fault) })
  const base = { code: 'INVALID_FIELD', status: 400 }
  t.strictSame(toRefusal({ steps: ['stop', '1'], phrase: FAULT }), {
    ...base, message: 'Field "stop[1]" must be a colour', details: { field: 'stop[1]' }
  })
  t.strictSame(toRefusal({ steps: ['messages', '0', 'content', '12', 'text'], phrase: FAULT, limit: 7 }), {
    ...base,
    message: 'Field "messages[0].content[12].text" must be a colour',
    details: { field: 'messages[0].content[12].text', limit: 7 }
  })
  t.match(errorOf(() => { throw toFieldError({ steps: ['a'], phrase: FAULT }) }).sentence('zh'), /"a".*必须是颜色/)
})

t.test('checkCount accepts the limit and refuses more', async t => {
  checkCount('tools', 3, 3, THINGS)
  t.strictSame(refusalOf(() => checkCount('tools', 4, 3, THINGS)), {
    code: 'INVALID_FIELD',
    status: 400,
    message: 'Field "tools" has 4 things; the limit is 3',
    details: { field: 'tools', limit: 3 }
  })
  t.match(errorOf(() => checkCount('tools', 4, 3, THINGS)).sentence('zh'), /有 4 个东西，上限为 3/)
})
