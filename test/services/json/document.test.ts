import t from 'tap'
import { JsonBoundsError } from '../../../services/json-bounds.ts'
import { JsonFault } from '../../../services/json/fault.ts'
import { fuzz } from '../../hostile/fuzz.ts'
import { mutateBytes, mutateText, pick, type Below } from '../../hostile/mutate.ts'
import { cutAt, cutEach, parseJson } from './parse.ts'

type Outcome = { value: unknown } | { refused: true }

const outcomeOf = (parse: () => unknown): Outcome => {
  try {
    return { value: parse() }
  } catch (error) {
    if (error instanceof JsonFault || error instanceof JsonBoundsError || error instanceof SyntaxError) {
      return { refused: true }
    }
    throw error
  }
}

/** Names that the reader refuses and `JSON.parse` does not. */
const FORBIDDEN = /__proto__|prototype/

function same (bytes: Buffer, pieces: Buffer[]): string | null {
  const text = bytes.toString()
  const expected = outcomeOf(() => JSON.parse(text))
  const got = outcomeOf(() => parseJson(pieces))
  if ('refused' in got && (FORBIDDEN.test(JSON.stringify(expected) ?? '') || text.startsWith('\uFEFF'))) return null
  if (text.startsWith('\uFEFF')) return null
  return describe(expected) === describe(got) ? null : `${JSON.stringify(text)}: ${describe(got)}`
}

/** Distinguishes what `JSON.stringify` does not: -0, infinity, and the order of names. */
function describe (outcome: Outcome): string {
  return JSON.stringify(outcome, (_name, value) =>
    typeof value === 'number' && (value === Infinity || value === -Infinity || Object.is(value, -0))
      ? `number ${Object.is(value, -0) ? '-0' : value}`
      : value)
}

const DOCUMENTS = [
  '{}', '[]', '""', '0', 'null', 'true', ' false ', '-0', '1e400', '-1.5E-3', '[1,2,[3,{"a":[]}]]', '{"a":1,"a":2}',
  '{"":{"":[""]}}', '"\\u00e9\\ud83d\\ude00\\n\\\\\\"\\/"', '"\\ud800"', '"é😀"', '[\n1 ,\r\n\t"a" ]', '\uFEFF{"a":1}',
  '{"a":"\\\\","b":"\\\\\\""}', '["\\\\\\\\","\\""]', '{"10":1,"2":2,"a":3}', '12345678901234567890'
]
const FAULTS = [
  '', ' ', '{', '[', '"', '"a', '{"a"', '{"a":', '{"a":1', '{"a":1,', '{,}', '[,]', '[1,]', '{"a":1,}', '[1 2]',
  '{"a" 1}', '{a:1}', '{\'a\':1}', '{1:1}', '[1}', '{"a":1]', ']', '}', ',', ':', '1 2', '{} {}', '[]]', '01', '1.',
  '.5', '+1', '-', '1e', 'tru', 'True', 'NaN', 'Infinity', 'undefined', '"\n"', '"\t"', '"\0"', '"\\x"', '"\\u12"',
  '"\\u12G4"', '"\\"', '\\"a"', '[1,,2]', '{"a"::1}', '{"a":1:2}', '{"a","b"}', '["a":1]', '/* */1', '\u00A01',
  '1\uFEFF', '"a"b', 'null0', 'truefalse', '[0-1]', '0x10', '1_000', '{"a":}', '[:]', '"a" "b"', 'é', '\uFFFD'
]

t.test('parses what JSON.parse parses, wherever it is cut', async t => {
  for (const text of [...DOCUMENTS, ...FAULTS]) {
    const bytes = Buffer.from(text)
    for (let at = 0; at <= bytes.length; at++) t.equal(same(bytes, cutAt(bytes, at)), null)
    t.equal(same(bytes, cutEach(bytes, 1)), null, 'byte by byte')
  }
  t.same(parseJson([Buffer.from('\uFEFF{"a":1}')]), { a: 1 }, 'a byte order mark is skipped')
  for (const half of [[0xEF], [0xEF, 0xBB], [0xEF, 0xBB, 0xEF]]) {
    t.throws(() => parseJson([Buffer.from([...half, 0x7B, 0x7D])]), /a value is expected/, 'half a byte order mark')
  }
})

t.test('random documents, damaged and cut anywhere, are read like JSON.parse does', async t => {
  const words = [
    '{', '}', '[', ']', ',', ':', '"', '\\', '\\"', '\\u', '\\u0041', ' ', '\n', '\r', '\t', '0', '-', '.', 'e', '1',
    'true', 'null', '""', '{"a":1}', '[[]]', '\0', '\u001f', 'é', '😀', '\uFEFF', '\u2028', '//', '\''
  ]
  await fuzz(t, 4000, below => {
    const text = JSON.stringify(randomValue(below, 0), null, pick([undefined, 1, '\t'], below))
    const bytes = pick([
      () => Buffer.from(text), () => Buffer.from(mutateText(text, words, below)),
      () => mutateBytes(Buffer.from(text), below),
      () => Buffer.from(Array.from({ length: below(12) }, () => pick(words, below)).join(''))
    ], below)()
    const places = Array.from({ length: below(4) }, () => below(bytes.length + 1)).sort((a, b) => a - b)
    for (const pieces of [[bytes], cutAt(bytes, ...places), cutEach(bytes, 1)]) {
      const fault = same(bytes, pieces)
      if (fault !== null) throw new Error(fault)
    }
  })
})

function randomValue (below: Below, depth: number): unknown {
  switch (below(depth > 4 ? 5 : 8)) {
    case 0: return pick([null, true, false], below)
    case 1: return pick([0, -0, 1, -1.5, 1e21, 1e-7, 123456789012, 0.1], below)
    case 2: case 3: case 4: return randomText(below)
    case 5: return Array.from({ length: below(5) }, () => randomValue(below, depth + 1))
    default: return Object.fromEntries(
      Array.from({ length: below(5) }, () => [randomText(below), randomValue(below, depth + 1)]))
  }
}

function randomText (below: Below): string {
  const characters = [...'ab"\\/\n\u0000é中\u2028 ,:{]', '😀', '\ud800']
  return Array.from({ length: below(8) }, () => pick(characters, below)).join('')
}

t.test('faults name their position', async t => {
  for (const [text, sentence] of [
    ['{"a" 1}', 'a colon is expected at byte 5 (line 1)'],
    ['{"a":1\n,}', 'a name in double quotes is expected at byte 8 (line 2)'],
    ['{x}', 'a name in double quotes or } is expected at byte 1 (line 1)'],
    ['[1\n\n 2]', 'a comma or ] is expected at byte 5 (line 3)'],
    ['{"a":1 "b"', 'a comma or } is expected at byte 7 (line 1)'],
    ['[,', 'a value or ] is expected at byte 1 (line 1)'],
    ['{"a":]', 'a value is expected at byte 5 (line 1)'],
    ['{}\n{}', 'the end is expected at byte 3 (line 2)'],
    ['{"é":tru}', 'it has an invalid number or word at byte 6 (line 1)'],
    ['["a\nb"]', 'a string has a control character at byte 3 (line 1)'],
    ['["ab\\x"]', 'a string has an invalid escape at byte 4 (line 1)'],
    ['["\\\\\\u00G0"]', 'a string has an invalid escape at byte 4 (line 1)'],
    ['{"__proto__":1}', 'the names __proto__ and constructor.prototype are not allowed at byte 1 (line 1)'],
    ['{"\\u005f_proto__":1}', 'the names __proto__ and constructor.prototype are not allowed at byte 1 (line 1)'],
    [
      '{"constructor":{"prototype":1}}',
      'the names __proto__ and constructor.prototype are not allowed at byte 16 (line 1)'
    ],
    ['{"a":"', 'it ends too early at byte 6 (line 1)'],
    ['[1\n', 'it ends too early at byte 3 (line 2)']
  ] as const) {
    for (const pieces of [[Buffer.from(text)], cutEach(Buffer.from(text), 1)]) {
      t.throws(() => parseJson(pieces), { message: sentence }, text)
    }
  }
  t.same(parseJson([Buffer.from('{"constructor":1,"prototype":{}}')]), JSON.parse('{"constructor":1,"prototype":{}}'))
})

t.test('bounds apply while the text arrives', async t => {
  const pieces = function * (piece: string) {
    for (let sent = 0; sent < 1_000_000; sent += piece.length) yield Buffer.from(piece)
    t.fail('it is refused long before its end')
  }
  t.throws(() => parseJson(pieces('[')), /deeper than 128 levels/)
  const many = cutEach(Buffer.from(`[${'0,'.repeat(60_000)}`), 1000)
  t.throws(() => parseJson(many), /more than 50000 values/)
  t.throws(() => parseJson([Buffer.from(`{"${'a'.repeat(1001)}":1}`)]), /more than 1000 characters/)
  t.throws(() => parseJson([Buffer.from(`{"${'é'.repeat(1001)}":1}`)]), /more than 1000 characters/)
  t.same(parseJson([Buffer.from(`{"${'é'.repeat(1000)}":1}`)]), { ['é'.repeat(1000)]: 1 })
})
