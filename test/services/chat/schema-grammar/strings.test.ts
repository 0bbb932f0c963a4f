import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import t from 'tap'
import { grammarOfSchema } from '../../../../services/chat/schema-grammar/index.ts'
import { generator } from '../../../../tools/lib/random.ts'
import { createParser, createSampler } from './gbnf.ts'
import { FORMATS, PATTERNS } from './schemas.ts'

const parse = await createParser()
const ajv = new Ajv2020({ strict: false })
addFormats.default(ajv)

const WORDS = [
  '', 'a', 'b', 'c', 'ab', 'ba', 'aa', 'aaa', 'aab', 'aaaaa', 'x', 'xy', 'a,x', 'x,a', 'axa', 'abc', 'xabcx', 'abab',
  'abcd', 'abbcd', 'ac', 'yes', 'no', 'yesno', 'é', 'éa', '😀', '😁', '😀😀', '猫', '猫猫猫', '猫猫猫猫', '12', '1', '123-4567',
  '123-456', 'AB', 'ABCDE', 'AB1', 'a b', 'a  b', '#00ff7F', '#00ff7', '2024', 'a1', '1a', '111111', 'foo@bar.com',
  '.foo@bar.com', 'f..o@bar.com', 'f.o@bar.co', 'foo@bar', ']', '-^', '"', '"x"', '"x', '\\', '\n', 'a\nb', '\u0008',
  '\t', 'A\u0001\u0000\t\n', '\u2028', '\u00a0', 'a/b.c$', '/', ' ', '\u{10ffff}'
]

t.test('a pattern accepts the strings in which ECMAScript finds a match', async t => {
  for (const pattern of PATTERNS) {
    const gbnf = grammarOfSchema({ type: 'string', pattern })
    const grammar = await parse(gbnf)
    const draw = createSampler(gbnf)
    const random = generator(6)
    const expression = new RegExp(pattern, 'u')
    t.strictSame(
      WORDS.filter(word => grammar.accepts(JSON.stringify(word))),
      WORDS.filter(word => expression.test(word) && isWritten(word, pattern)), pattern
    )
    t.strictSame(Array.from({ length: 100 }, () => draw(random)).filter(text =>
      !expression.test(JSON.parse(text)) || !grammar.accepts(text)), [], `drawn from ${pattern}`)
  }
})

/** Grammars leave out control characters without a short escape if nearly all characters are allowed. */
function isWritten (word: string, pattern: string): boolean {
  // eslint-disable-next-line no-control-regex
  return !/[\u0000-\u0007\u000b\u000e-\u001f]/.test(word) || pattern.includes('\\cA')
}

t.test('patterns, lengths and formats apply together', async t => {
  const accepted = async (schema: object, words: string[]) => {
    const grammar = await parse(grammarOfSchema({ type: 'string', ...schema }))
    return words.filter(word => grammar.accepts(JSON.stringify(word)))
  }
  const python = { pattern: '\\A(?P<year>\\d{4})\\Z' }
  t.strictSame(await accepted(python, ['2024', '12024', '20245', 'A2024Z', '2024-01']), ['2024'])
  t.strictSame(await accepted({ pattern: '^[ab]+$', minLength: 2, maxLength: 3 }, ['a', 'ab', 'aba', 'abab', 'ac']), [
    'ab', 'aba'
  ])
  t.strictSame(await accepted({ allOf: [{ pattern: 'a' }, { pattern: 'b' }, { pattern: '^.{3}$' }] }, [
    'ab', 'aab', 'aaa', 'b😀a', 'abab'
  ]), ['aab', 'b😀a'])
  t.strictSame(await accepted({ format: 'date', pattern: '^2024-02' }, ['2024-02-29', '2024-02-30', '2024-03-01']), [
    '2024-02-29'
  ])
  t.strictSame(
    await accepted({ enum: ['a', 'bb', 'ccc', '😀😀'], minLength: 2, pattern: '^[^c]' }, ['a', 'bb', 'ccc', '😀😀']),
    ['bb', '😀😀']
  )
  t.strictSame(await accepted({ format: 'ipv4', maxLength: 9 }, ['1.2.3.4', '10.20.3.4', '10.20.30.4', '1.2.3']), [
    '1.2.3.4', '10.20.3.4'
  ])
})

t.test('lengths count characters, escaped or not', async t => {
  const grammar = await parse(grammarOfSchema({ type: 'string', minLength: 2, maxLength: 3 }))
  const yes = ['"ab"', '"abc"', '"é猫"', '"😀😀😀"', '"\\n\\""', '"\\u00e9\\ud83d\\ude00"', '"\\/\\\\"']
  const no =
    ['"a"', '"abcd"', '"😀"', '"\\ud83d\\ude00"', '"\\n"', '"a\nb"', '"a\\"', '"\\ud83d\\ud83d"', '"\\u12"', '"ab']
  t.strictSame([...yes, ...no].filter(text => grammar.accepts(text)), yes)
  t.strictSame(yes.map(text => [...JSON.parse(text)].length).filter(length => length < 2 || length > 3), [])

  for (const [minLength, maxLength] of [
    [0, 0], [0, 1], [5, 5], [250, 260], [257, 257], [300, 1500], [0, 273], [0, 289], [0, 1023], [1000, 99_999]
  ] as const) {
    const grammar = await parse(grammarOfSchema({ type: 'string', minLength, maxLength }))
    const lengths = [
      0, 1, 2, 4, 5, 6, 31, 32, 249, 250, 256, 257, 258, 260, 261, 272, 273, 274, 288, 289, 290, 299, 300, 999, 1000,
      1022, 1023, 1024, 1500, 1501, 5000
    ]
    t.strictSame(
      lengths.filter(length => grammar.accepts(`"${'x'.repeat(length)}"`)),
      lengths.filter(length => length >= minLength && length <= maxLength), `${minLength} to ${maxLength}`
    )
  }
})

t.test('strings of a format pass a validator', async t => {
  for (const format of FORMATS) {
    const gbnf = grammarOfSchema({ type: 'string', format })
    const grammar = await parse(gbnf)
    const draw = createSampler(gbnf)
    const validate = ajv.compile({ type: 'string', format })
    const random = generator(7)
    const texts = Array.from({ length: 500 }, () => draw(random))
    t.strictSame(
      texts.filter(text => !validate(JSON.parse(text)) || !grammar.accepts(text)), [], `${format}: ${texts[0]}`
    )
  }
})

t.test('formats accept usual strings and no wrong ones', async t => {
  const usual: Record<string, string[]> = {
    date: ['2024-02-29', '1999-12-31', '2000-02-29', '0001-01-01'],
    time: ['23:59:59Z', '00:00:00.123+02:00'],
    'date-time': ['2026-11-25T13:00:00Z', '2026-11-25T13:00:00.5-11:30'],
    duration: ['P1Y2M3DT4H5M6S', 'PT15M', 'P2W', 'P10D'],
    uuid: ['123e4567-e89b-12d3-a456-426614174000', 'ABCDEF00-0000-0000-0000-000000000000'],
    email: ['john.doe+tag@mail.example.co.uk', 'a@b.cd'],
    hostname: ['example.com', 'a-b.example.org', 'localhost'],
    ipv4: ['0.0.0.0', '255.255.255.255', '192.168.1.10'],
    ipv6: ['2001:db8:0:0:0:0:2:1'],
    uri: ['https://example.com', 'http://www.example.org:8080/a/b_c.html?x=1&y=2#top']
  }
  const wrong: Record<string, string[]> = {
    date: ['2023-02-29', '1900-02-29', '2024-13-01', '2024-04-31', '24-01-01'],
    time: ['24:00:00Z', '12:60:00Z', '12:00:00'],
    'date-time': ['2026-11-25', '2026-11-25 13:00:00Z', '2023-02-29T00:00:00Z'],
    ipv4: ['256.1.1.1', '1.2.3', '01.2.3.4'],
    uuid: ['123e4567e89b12d3a456426614174000'],
    email: ['a.b.com', 'a@b', '@b.cd'],
    uri: ['example.com', 'https://', 'https://a b']
  }
  for (const format of FORMATS) {
    const grammar = await parse(grammarOfSchema({ type: 'string', format }))
    t.strictSame(
      [...usual[format]!, ...wrong[format] ?? []].filter(text => grammar.accepts(JSON.stringify(text))), usual[format],
      format
    )
  }
})
