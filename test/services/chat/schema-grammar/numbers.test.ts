import t from 'tap'
import { grammarOfSchema } from '../../../../services/chat/schema-grammar/index.ts'
import { generator } from '../../../../tools/lib/random.ts'
import { createParser, createSampler } from './gbnf.ts'

const parse = await createParser()
const SAFE = Number.MAX_SAFE_INTEGER

t.test('a range accepts the integers between its bounds, and no others', async t => {
  const random = generator(3)
  const between = (low: number, high: number) => low + Math.floor(random() * (high - low + 1))
  for (let i = 0; i < 300; i++) {
    const size = 10 ** between(1, 12)
    const min = between(-size, size)
    const max = min + between(0, 10 ** between(0, 12))
    const grammar = await parse(grammarOfSchema({ type: 'integer', minimum: min, maximum: max }))
    const near = [min, max, 0, 10, 100, 1000, 10_000, -10, -100, -1000].flatMap(value =>
      [-11, -10, -9, -2, -1, 0, 1, 2, 9, 10, 11].map(step => value + step))
    const numbers = [
      ...near, ...Array.from({ length: 40 }, () => between(min, max)),
      ...Array.from({ length: 20 }, () => between(-2 * size, 2 * size))
    ]
    const wrong = numbers.filter(number => grammar.accepts(String(number)) !== (number >= min && number <= max))
    if (wrong.length > 0) t.fail(`${min} to ${max}: ${wrong.join(' ')}`)
  }
  t.pass('300 ranges')
})

t.test('small ranges accept each of their integers', async t => {
  for (const [minimum, maximum] of [
    [0, 0], [0, 9], [0, 10], [-1, 1], [5, 123], [-120, -7], [-99, 99], [10, 99], [9, 100], [99, 101], [-100, 0]
  ] as const) {
    const grammar = await parse(grammarOfSchema({ type: 'integer', minimum, maximum }))
    const numbers = Array.from({ length: 401 }, (_, i) => i - 200)
    t.strictSame(
      numbers.filter(number => grammar.accepts(String(number))),
      numbers.filter(number => number >= minimum && number <= maximum), `${minimum} to ${maximum}`
    )
  }
})

t.test('single, fractional and exclusive bounds of integers', async t => {
  const accepted = async (bounds: object, texts: unknown[]) => {
    const grammar = await parse(grammarOfSchema({ type: 'integer', ...bounds }))
    return texts.filter(text => grammar.accepts(String(text)))
  }
  t.strictSame(await accepted({ minimum: 7 }, [6, 7, 8, 70, 999_999_999_999_999, -7, 0]), [
    7, 8, 70, 999_999_999_999_999
  ])
  t.strictSame(await accepted({ maximum: -7 }, [-6, -7, -8, -70, 7, 0, '-999999999999999']), [
    -7, -8, -70, '-999999999999999'
  ])
  t.strictSame(await accepted({ minimum: 1.5, maximum: 3.5 }, [1, 2, 3, 4]), [2, 3])
  t.strictSame(await accepted({ exclusiveMinimum: 1, exclusiveMaximum: 4 }, [1, 2, 3, 4]), [2, 3])
  t.strictSame(await accepted({ minimum: 2, exclusiveMinimum: 2, maximum: 4, exclusiveMaximum: 9 }, [2, 3, 4, 5]), [
    3, 4
  ])
  t.strictSame(await accepted({ minimum: -5e300, maximum: 5e300 }, [0, SAFE, -SAFE, '9007199254740992']), [
    0, SAFE, -SAFE
  ])
  t.strictSame(await accepted({ minimum: 2e15 }, ['1999999999999999', 2e15, SAFE, '9007199254740992']), [2e15, SAFE])
  t.strictSame(
    await accepted({}, ['0', '-1', '-0', '01', '+1', '1.0', '1e3', '', '-', '123456789012345', '1234567890123456']),
    ['0', '-1', '123456789012345']
  )
  t.strictSame(await accepted({ format: 'int32' }, [2 ** 31 - 1, 2 ** 31, -(2 ** 31), -(2 ** 31) - 1]), [
    2 ** 31 - 1, -(2 ** 31)
  ])
})

t.test('a range accepts the numbers between its bounds, and no others', async t => {
  const random = generator(4)
  const decimal = (digits: number, places: number) => ((random() - 0.5) * 10 ** digits).toFixed(places)
  for (let i = 0; i < 200; i++) {
    const [digits, places] = [Math.floor(random() * 6), Math.floor(random() * 5)]
    const [minimum, maximum] =
      [Number(decimal(digits, places)), Number(decimal(digits, places))].sort((a, b) => a - b) as [number, number]
    if (minimum === maximum) continue
    const open = random() < 0.5
    const grammar = await parse(grammarOfSchema({
      type: 'number', ...open ? { exclusiveMinimum: minimum, exclusiveMaximum: maximum } : { minimum, maximum }
    }))
    const texts = [minimum, maximum].flatMap(bound =>
      [bound, bound + 1, bound - 1, Math.trunc(bound)].map(value => value.toFixed(places)))
    texts.push(
      ...[minimum, maximum].flatMap(bound => ['0001', '9'].map(more => `${bound.toFixed(5)}${more}`.slice(0, 20)))
    )
    texts.push(...Array.from({ length: 30 }, () => decimal(digits, Math.min(6, places + 1))))
    const wrong = texts.filter(text => {
      const value = Number(text)
      const inside = open ? value > minimum && value < maximum : value >= minimum && value <= maximum
      // The grammar writes at most six decimals, and no sign before zero.
      const writable = !/\.\d{7,}/.test(text) && !Object.is(value, -0)
      return grammar.accepts(text) ? !inside : inside && writable
    })
    if (wrong.length > 0) t.fail(`${minimum} to ${maximum}${open ? ', open' : ''}: ${wrong.join(' ')}`)
  }
  t.pass('200 ranges')
})

t.test('bounds apply to the parsed number as to the written one', async t => {
  const bounds: Array<Record<string, number>> = [
    { exclusiveMinimum: 0.3 }, { exclusiveMaximum: 0.1 + 0.2 }, { exclusiveMinimum: 1e-7, maximum: 2e-7 },
    { minimum: 123_456_789.123, exclusiveMaximum: 123_456_789.124 }, { exclusiveMinimum: -1 },
    { exclusiveMinimum: 99_999_999_999_998, maximum: 99_999_999_999_999 }
  ]
  for (const bound of bounds) {
    const gbnf = grammarOfSchema({ type: 'number', ...bound })
    const grammar = await parse(gbnf)
    const draw = createSampler(gbnf)
    const random = generator(5)
    const { exclusiveMinimum = -Infinity, minimum = -Infinity, exclusiveMaximum = Infinity, maximum = Infinity } = bound
    const texts = Array.from({ length: 300 }, () => draw(random))
    t.strictSame(texts.filter(text => {
      const value = Number(text)
      return !(value > exclusiveMinimum && value >= minimum && value < exclusiveMaximum && value <= maximum &&
        grammar.accepts(text))
    }), [], JSON.stringify(bound))
    t.notOk(['0.30000000000000001', '0.3', '0.30000000000000004', '1e-7'].some(text =>
      grammar.accepts(text) && !(Number(text) > exclusiveMinimum && Number(text) < exclusiveMaximum)))
  }
})

t.test('of two equal bounds the exclusive one applies', async t => {
  for (const allOf of [[{ minimum: 2 }, { exclusiveMinimum: 2 }], [{ exclusiveMinimum: 2 }, { minimum: 2 }]]) {
    const grammar = await parse(grammarOfSchema({ type: 'number', allOf }))
    t.strictSame(['1', '2', '2.0', '2.1'].filter(text => grammar.accepts(text)), ['2.1'])
  }
  for (const allOf of [[{ maximum: -2 }, { exclusiveMaximum: -2 }], [{ exclusiveMaximum: -2 }, { maximum: -2 }]]) {
    const grammar = await parse(grammarOfSchema({ type: 'number', allOf }))
    t.strictSame(['-1', '-2', '-2.000', '-2.1'].filter(text => grammar.accepts(text)), ['-2.1'])
  }
})

t.test('numbers without bounds are those of JSON, within the range of doubles', async t => {
  const grammar = await parse(grammarOfSchema({ type: 'number' }))
  const yes = ['0', '-0', '1', '-12.50', '1e5', '1E-99', '0.1e+9', '123456789012345.123456789012345']
  const no = ['', '.5', '5.', '01', '--1', '+1', '1e', '1e999', '1e100', 'NaN', 'Infinity', '1234567890123456']
  t.strictSame([...yes, ...no].filter(text => grammar.accepts(text)), yes)
})
