import t from 'tap'
import { HISTORY_MAX_TURNS, MESSAGE_MAX_CHARACTERS } from '../../../schemas/limits.ts'
import type { SightlineError } from '../../../errors/catalogue.ts'
import { parseChatFields } from '../../../services/chat/fields.ts'
import type { RawFields } from '../../../services/uploads/body.ts'

const ID = `sha256:${'0123456789abcdef'.repeat(4)}`

/** The error that these fields give, as the client sees it. */
function refusal (
  raw: RawFields
): { code: string, status: number, message: string, details: SightlineError['details'] } {
  try {
    parseChatFields(raw)
  } catch (error) {
    const { code, statusCode, message, details } = error as SightlineError
    return { code, status: statusCode, message, details }
  }
  return { code: 'NONE', status: 200, message: '', details: {} }
}

t.test('takes a message alone and adds nothing to it', async t => {
  t.strictSame(parseChatFields({ message: 'What is in the picture?' }), { message: 'What is in the picture?' })
  t.strictSame(
    parseChatFields({ message: '  two\nlines ' }), { message: '  two\nlines ' }, 'whitespace is the user\'s own'
  )
})

t.test('gives the strings of a form their types', async t => {
  const history = [{ role: 'user', content: 'Hi', images: [ID] }, { role: 'assistant', content: 'Hello' }]
  t.strictSame(parseChatFields({
    message: '1',
    history: JSON.stringify(history),
    system: '2',
    max_tokens: '3',
    temperature: '0.5',
    top_p: '1',
    top_k: '40',
    min_p: '0.05',
    repeat_penalty: '1.1',
    seed: '4294967295',
    stop: 'END'
  }), {
    message: '1',
    history,
    system: '2',
    max_tokens: 3,
    temperature: 0.5,
    top_p: 1,
    top_k: 40,
    min_p: 0.05,
    repeat_penalty: 1.1,
    seed: 4_294_967_295,
    stop: ['END']
  })
})

t.test('takes the values of a JSON body as they are', async t => {
  const fields = {
    message: 'Hi',
    history: [],
    max_tokens: 1,
    temperature: 0,
    top_p: 0.9,
    top_k: 0,
    min_p: 0,
    repeat_penalty: 1,
    seed: 0,
    stop: ['a', 'b']
  }
  t.strictSame(parseChatFields({ ...fields }), fields)
})

t.test('counts an optional field that a form left empty as not sent', async t => {
  t.strictSame(parseChatFields({
    message: 'Hi',
    history: '',
    max_tokens: ' ',
    temperature: '',
    top_p: '',
    top_k: '',
    min_p: '',
    repeat_penalty: '',
    seed: '',
    stop: ''
  }), { message: 'Hi' })
  t.strictSame(parseChatFields({ message: 'Hi', system: '' }), { message: 'Hi', system: '' })
})

t.test('wants a message', async t => {
  for (const raw of [{}, { message: '' }, { message: ' \n\t' }, { message: null }, { message: undefined }]) {
    t.match(refusal(raw), { code: 'MESSAGE_REQUIRED', status: 400 }, JSON.stringify(raw))
  }
  for (const message of [1, true, {}, ['Hi']]) {
    t.match(refusal({ message }), { code: 'INVALID_FIELD', message: 'Field "message" must be a string' })
  }
})

t.test('bounds the length of the message', async t => {
  t.equal(parseChatFields({ message: 'x'.repeat(MESSAGE_MAX_CHARACTERS) }).message.length, 32_000)
  t.strictSame(refusal({ message: 'x'.repeat(MESSAGE_MAX_CHARACTERS + 1) }), {
    code: 'MESSAGE_TOO_LONG',
    status: 400,
    message: 'Field "message" has 32001 characters; the limit is 32000',
    details: { field: 'message', limit: 32_000 }
  })
})

t.test('refuses fields that it does not know, by name', async t => {
  t.strictSame(refusal({ message: 'Hi', maxTokens: 5 }), {
    code: 'UNKNOWN_FIELD', status: 400, message: 'Field "maxTokens" is unknown; correct its name or remove it', details: { field: 'maxTokens' }
  })
  t.match(refusal({ message: 'Hi', images: [] }), { code: 'UNKNOWN_FIELD' }, 'pictures are no field of text')
  for (const name of ['constructor', 'toString', 'hasOwnProperty']) {
    t.match(refusal({ message: 'Hi', [name]: 'x' }), { code: 'UNKNOWN_FIELD' }, name)
  }
  t.match(refusal(JSON.parse('{"message":"Hi","__proto__":{"max_tokens":7}}')), { code: 'UNKNOWN_FIELD' })
  const long = refusal({ message: 'Hi', ['n'.repeat(100_000)]: 1 })
  t.equal(long.code, 'UNKNOWN_FIELD')
  t.ok(long.message.length < 150, 'and does not repeat a whole body')
})

t.test('holds every number to its bounds', async t => {
  const bounds: Array<[name: string, good: number[], bad: number[]]> = [
    ['max_tokens', [1, 131_072], [0, -1, 1.5, 131_073]],
    ['temperature', [0, 0.7, 2], [-0.1, 2.1]],
    ['top_p', [0.01, 1], [0, -1, 1.1]],
    ['top_k', [0, 1000], [-1, 0.5, 1001]],
    ['min_p', [0, 1], [-0.1, 1.1]],
    ['repeat_penalty', [0.5, 2], [0.4, 2.1]],
    ['seed', [0, 4_294_967_295], [-1, 0.5, 4_294_967_296]]
  ]
  for (const [name, good, bad] of bounds) {
    for (const value of good) {
      t.strictSame(parseChatFields({ message: 'Hi', [name]: value }), { message: 'Hi', [name]: value })
      t.strictSame(parseChatFields({ message: 'Hi', [name]: `${value}` }), { message: 'Hi', [name]: value })
    }
    for (const value of [...bad, ...bad.map(String)]) {
      const { code, status, message } = refusal({ message: 'Hi', [name]: value })
      t.strictSame([code, status], ['INVALID_FIELD', 400], `${name}=${value}`)
      t.match(message, new RegExp(`^Field "${name}" must `))
    }
  }
})

t.test('refuses what is no number', async t => {
  for (const value of ['many', 'NaN', 'Infinity', '-Infinity', '1,5', '5 tokens', true, null, {}, [5]]) {
    const { code, message } = refusal({ message: 'Hi', temperature: value })
    t.equal(code, 'INVALID_FIELD', String(value))
    t.match(message, /^Field "temperature" must be a? ?number$/)
  }
})

t.test('refuses a field that is given more than once', async t => {
  t.strictSame(refusal({ message: ['Hi', 'Ho'] }), {
    code: 'INVALID_FIELD',
    status: 400,
    message: 'Field "message" is given more than once',
    details: { field: 'message' }
  })
  t.match(refusal({ message: 'Hi', max_tokens: ['5', '6'] }), { code: 'INVALID_FIELD', message: /more than once/ })
})

t.test('takes stop strings one by one, as JSON, or as a plain string', async t => {
  const stop = (value: unknown) => parseChatFields({ message: 'Hi', stop: value }).stop
  t.strictSame(stop(['a', 'b']), ['a', 'b'])
  t.strictSame(stop('["a","b"]'), ['a', 'b'])
  t.strictSame(stop('[]'), [])
  t.strictSame(stop('\n'), ['\n'], 'a line break is a stop string')
  t.strictSame(stop('[INST]'), ['[INST]'], 'what is no JSON is meant as it stands')
})

t.test('refuses stop strings that are too many, empty, long or no strings', async t => {
  const cases: Array<[stop: unknown, field: string]> = [
    [['a', 'b', 'c', 'd', 'e'], 'stop'], [5, 'stop'], [{}, 'stop'], [null, 'stop'],
    [[''], 'stop[0]'], [['a', ''], 'stop[1]'], [
      ['x'.repeat(101)], 'stop[0]'
    ], ['x'.repeat(101), 'stop[0]'], [[1], 'stop[0]'], ['[1]', 'stop[0]']
  ]
  for (const [stop, field] of cases) {
    const { code, message, details } = refusal({ message: 'Hi', stop })
    t.equal(code, 'INVALID_FIELD', JSON.stringify(stop))
    t.ok(message.startsWith(`Field "${field}" must `), message)
    t.match(details, { field })
  }
})

t.test('takes a response format as JSON, and as text in a form', async t => {
  for (const format of [{ type: 'text' }, { type: 'json_object' }, {
    type: 'json_schema',
    json_schema: { name: 'x', schema: { type: 'object', properties: { a: { type: 'integer' } } }, strict: true }
  }, { type: 'json_schema', json_schema: { name: 'x', schema: true, strict: null } }]) {
    t.strictSame(parseChatFields({ message: 'Hi', response_format: format }).response_format, format)
    t.strictSame(parseChatFields({ message: 'Hi', response_format: JSON.stringify(format) }).response_format, format)
  }
  t.strictSame(parseChatFields({ message: 'Hi', response_format: '' }), { message: 'Hi' }, 'left empty in a form')
})

t.test('refuses a response format that is none', async t => {
  t.match(refusal({ message: 'Hi', response_format: '{"type":' }), {
    code: 'INVALID_FIELD', message: 'Field "response_format" is not valid JSON', details: { field: 'response_format' }
  })
  for (const format of [
    'json_object', 5, null, [], {}, { type: 'xml' }, { type: 'json_object', schema: {} }, { type: 'json_schema' },
    { type: 'json_schema', json_schema: { schema: {} } },
    { type: 'json_schema', json_schema: { name: '', schema: {} } },
    { type: 'json_schema', json_schema: { name: 'x', schema: [] } }
  ]) {
    const { code, status, message, details } = refusal({ message: 'Hi', response_format: format })
    t.strictSame([code, status], ['INVALID_FIELD', 400], JSON.stringify(format))
    t.match(message, /^Field "response_format/)
    t.match(details, { field: /^response_format/ })
  }
})

t.test('takes the turns of a history one by one too, as repeated fields of a form', async t => {
  const turns = [{ role: 'user', content: 'Hi', images: [ID] }, { role: 'assistant', content: 'Hello' }]
  const [first, second] = turns.map(turn => JSON.stringify(turn)) as [string, string]
  const historyOf = (history: unknown) => parseChatFields({ message: 'Hi', history }).history
  t.strictSame(historyOf([first, second]), turns)
  t.strictSame(historyOf([first, turns[1]]), turns, 'a part that says that it is JSON comes parsed')
  for (const history of [first, [first], turns[0]]) t.strictSame(historyOf(history), [turns[0]], 'a single one')
  t.match(refusal({ message: 'Hi', history: [first, '{"role":'] }), {
    code: 'INVALID_HISTORY', message: /is not valid JSON/
  })
  t.match(refusal({ message: 'Hi', history: [first, '{"role":"user"}'] }), {
    code: 'INVALID_HISTORY', message: /^Field "history" turn 1 /
  })
  t.match(refusal({ message: 'Hi', history: [first, ''] }), { code: 'INVALID_HISTORY' }, 'an empty turn is none')
  t.match(
    refusal({ message: 'Hi', history: [JSON.stringify(turns), second] }),
    { code: 'INVALID_HISTORY', message: /^Field "history" turn 0 / }, 'not a list in a list'
  )
})

t.test('refuses a history that is no JSON or no list', async t => {
  const cut = refusal({ message: 'Hi', history: '[{"role":' })
  t.strictSame([cut.code, cut.status], ['INVALID_HISTORY', 400])
  t.match(cut.message, /^Field "history" is not valid JSON: /)
  for (const history of ['{}', '"Hi"', 'null', '5', {}, 5, null]) {
    t.match(
      refusal({ message: 'Hi', history }),
      { code: 'INVALID_HISTORY', message: 'Field "history" must be a list of turns' }, JSON.stringify(history)
    )
  }
})

t.test('names the turn of the history that is wrong', async t => {
  const good = { role: 'user', content: 'Hi' }
  const bad: unknown[] = [
    5, null, 'Hi', [],
    { role: 'user' },
    { content: 'Hi' },
    { role: 'system', content: 'Hi' },
    { role: 'user', content: 5 },
    { role: 'user', content: [{ type: 'text', text: 'Hi' }] },
    { role: 'user', content: 'x'.repeat(MESSAGE_MAX_CHARACTERS + 1) },
    { role: 'user', content: 'Hi', name: 'Ann' },
    { role: 'user', content: 'Hi', images: ID },
    { role: 'user', content: 'Hi', images: null },
    { role: 'user', content: 'Hi', images: ['cat.jpg'] },
    { role: 'user', content: 'Hi', images: [ID.toUpperCase()] },
    { role: 'user', content: 'Hi', images: [`${ID}0`] },
    { role: 'user', content: 'Hi', images: [`${ID}\n`] },
    { role: 'user', content: 'Hi', images: Array.from({ length: 65 }, () => ID) }
  ]
  for (const turn of bad) {
    for (const history of [[good, turn], JSON.stringify([good, turn])]) {
      const { code, status, message } = refusal({ message: 'Hi', history })
      t.strictSame([code, status], ['INVALID_HISTORY', 400], JSON.stringify(turn)?.slice(0, 100))
      // As a repeated field of a form each turn is JSON, and a string that is none says so.
      t.match(
        message,
        turn === 'Hi' && typeof history !== 'string' ? /^Field "history" is not valid JSON/ : /^Field "history" turn 1 /
      )
    }
  }
  t.match(
    refusal({ message: 'Hi', history: [{ role: 'user', content: 'Hi', images: [ID, 'cat.jpg'] }] }).message,
    /turn 0 images 1 must match/
  )
})

t.test('gives pictures to turns of the user only', async t => {
  t.strictSame(refusal({ message: 'Hi', history: [{ role: 'assistant', content: 'Hi', images: [ID] }] }),
    {
      code: 'INVALID_HISTORY',
      status: 400,
      message: 'Field "history" turn 0: only turns of the user have images',
      details: { field: 'history' }
    })
  const history = [{ role: 'assistant', content: 'Hi', images: [] }]
  t.strictSame(parseChatFields({ message: 'Hi', history }).history, history)
})

t.test('bounds the number of turns', async t => {
  const turns = (count: number) =>
    Array.from({ length: count }, (_, i) => ({ role: i % 2 === 0 ? 'user' : 'assistant', content: 'Hi' }))
  t.equal(parseChatFields({ message: 'Hi', history: turns(HISTORY_MAX_TURNS) }).history?.length, 200)
  const { code, status, message } = refusal({ message: 'Hi', history: turns(HISTORY_MAX_TURNS + 1) })
  t.strictSame([code, status], ['INVALID_HISTORY', 400])
  t.match(message, /200/)
})
