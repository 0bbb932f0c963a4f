import t from 'tap'
import { MESSAGE_MAX_CHARACTERS } from '../../../schemas/limits.ts'
import { parseChatForm } from '../../../services/chat/fields.ts'
import type { RawFields } from '../../../services/uploads/form-fields.ts'
import { errorOf, refusalOf } from '../refusal.ts'

const ID = `sha256:${'0123456789abcdef'.repeat(4)}`

const refusal = (raw: RawFields) => refusalOf(() => parseChatForm(raw))

t.test('a message alone is enough, and nothing is added to it', async t => {
  t.strictSame(parseChatForm({ message: 'What is in the image?' }), { message: 'What is in the image?' })
  t.strictSame(parseChatForm({ message: '  two\nlines ' }), { message: '  two\nlines ' }, 'white space is kept')
})

t.test('the strings of a form get the types of their fields', async t => {
  const history = [{ role: 'user', content: 'Hi', images: [ID] }, { role: 'assistant', content: 'Hello' }]
  t.strictSame(parseChatForm({
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

t.test('the values of a JSON body stay as they are', async t => {
  const fields = {
    message: 'Hi',
    history: [],
    images: ['data:image/png;base64,iVBORw0KGgo=', ''],
    history_images: [],
    max_tokens: 1,
    temperature: 0,
    top_p: 0.9,
    top_k: 0,
    min_p: 0,
    repeat_penalty: 1,
    seed: 0,
    stop: ['a', 'b']
  }
  t.strictSame(parseChatForm(structuredClone(fields)), fields)
})

t.test('the images of a JSON body are lists of texts', async t => {
  for (const name of ['images', 'history_images']) {
    for (const images of ['data:image/png;base64,iVBORw0KGgo=', '', 5, {}, { 0: 'data:,' }]) {
      t.strictSame(refusal({ message: 'Hi', [name]: images }), {
        code: 'INVALID_FIELD',
        status: 400,
        message: `Field "${name}" must be a list of data URIs`,
        details: { field: name }
      }, JSON.stringify(images))
    }
    for (const image of [5, null, {}, ['data:image/png;base64,iVBORw0KGgo=']]) {
      t.strictSame(refusal({ message: 'Hi', [name]: ['data:image/png;base64,iVBORw0KGgo=', image] }), {
        code: 'INVALID_FIELD',
        status: 400,
        message: `Field "${name}[1]" must be a data URI in base64 (data:image/png;base64,…)`,
        details: { field: `${name}[1]` }
      }, JSON.stringify(image))
    }
  }
})

t.test('a body that is not an object is refused', async t => {
  for (const body of [null, undefined, 5, 'Hi', [], [{ message: 'Hi' }]]) {
    t.strictSame(refusalOf(() => parseChatForm(body)), {
      code: 'INVALID_JSON',
      status: 400,
      message: errorOf(() => parseChatForm([])).message,
      details: {}
    }, JSON.stringify(body))
  }
  t.match(errorOf(() => parseChatForm([])).message, /it must be an object/)
})

t.test('an optional field that a form leaves empty counts as not sent', async t => {
  t.strictSame(parseChatForm({
    message: 'Hi',
    history: '',
    max_tokens: ' ',
    temperature: '',
    top_p: '',
    top_k: '',
    min_p: '',
    repeat_penalty: '',
    seed: '',
    stop: '',
    response_format: ''
  }), { message: 'Hi' })
  t.strictSame(parseChatForm({ message: 'Hi', system: '' }), { message: 'Hi', system: '' })
})

t.test('a field that is null is absent, as typed clients send it', async t => {
  const names = [
    'history', 'images', 'history_images', 'system', 'max_tokens', 'thinking', 'temperature', 'top_p', 'top_k', 'min_p',
    'repeat_penalty', 'seed', 'stop', 'response_format'
  ]
  t.strictSame(parseChatForm({ message: 'Hi', ...Object.fromEntries(names.map(name => [name, null])) }), {
    message: 'Hi'
  })
  t.strictSame(parseChatForm({ message: 'Hi', history: [{ role: 'user', content: 'Hi', images: null }] }).history, [
    { role: 'user', content: 'Hi' }
  ])
})

t.test('a message is required', async t => {
  for (const raw of [{}, { message: '' }, { message: ' \n\t' }, { message: null }, { message: undefined }]) {
    t.match(refusal(raw), { code: 'MESSAGE_REQUIRED', status: 400 }, JSON.stringify(raw))
  }
  for (const message of [1, true, {}, ['Hi']]) {
    t.match(refusal({ message }), { code: 'INVALID_FIELD', message: 'Field "message" must be a string' })
  }
})

t.test('a message may have 32,000 characters', async t => {
  t.equal(parseChatForm({ message: 'x'.repeat(MESSAGE_MAX_CHARACTERS) }).message.length, 32_000)
  t.equal([...parseChatForm({ message: '😀'.repeat(MESSAGE_MAX_CHARACTERS) }).message].length, 32_000, 'code points')
  t.strictSame(refusal({ message: 'x'.repeat(MESSAGE_MAX_CHARACTERS + 1) }), {
    code: 'MESSAGE_TOO_LONG',
    status: 400,
    message: 'Field "message" has 32001 characters; the limit is 32000',
    details: { field: 'message', limit: 32_000 }
  })
})

t.test('an unknown field is refused by its name, whatever else is wrong', async t => {
  t.strictSame(refusal({ message: 'Hi', maxTokens: 5 }), {
    code: 'UNKNOWN_FIELD',
    status: 400,
    message: 'Field "maxTokens" is unknown; did you mean "max_tokens"?',
    details: { field: 'maxTokens', suggestion: 'max_tokens' }
  })
  for (const name of ['constructor', 'toString', 'hasOwnProperty', '']) {
    t.match(refusal({ [name]: 'x' }), { code: 'UNKNOWN_FIELD', details: { field: name } }, name)
  }
  t.match(refusal(JSON.parse('{"message":"Hi","__proto__":{"max_tokens":7}}')), {
    code: 'UNKNOWN_FIELD', details: { field: '__proto__' }
  })
})

t.test('a refusal repeats 100 characters of an unknown name', async t => {
  const shown = 'n'.repeat(100)
  t.strictSame(refusal({ message: 'Hi', ['n'.repeat(100_000)]: 1 }), {
    code: 'UNKNOWN_FIELD',
    status: 400,
    message: `Field "${shown}" is unknown; correct its name or remove it`,
    details: { field: shown }
  })
})

t.test('every number has its bounds', async t => {
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
      t.strictSame(parseChatForm({ message: 'Hi', [name]: value }), { message: 'Hi', [name]: value })
      t.strictSame(parseChatForm({ message: 'Hi', [name]: `${value}` }), { message: 'Hi', [name]: value })
    }
    for (const value of [...bad, ...bad.map(String)]) {
      const { code, status, message, details } = refusal({ message: 'Hi', [name]: value })
      t.strictSame([code, status, details.field], ['INVALID_FIELD', 400, name], `${name}=${value}`)
      t.match(message, new RegExp(`^Field "${name}" must `))
    }
  }
  t.strictSame(refusal({ message: 'Hi', top_k: '1001' }).details, { field: 'top_k', limit: 1000 })
})

t.test('a number must be a decimal number', async t => {
  for (const value of ['many', 'NaN', 'Infinity', '-Infinity', '1,5', '0x10', '5 tokens']) {
    t.equal(refusal({ message: 'Hi', temperature: value }).message, 'Field "temperature" must be a number', value)
  }
  for (const value of [true, {}, [5]]) {
    const { code, message } = refusal({ message: 'Hi', temperature: value })
    t.strictSame([code, message], ['INVALID_FIELD', 'Field "temperature" must be a number'], JSON.stringify(value))
  }
})

t.test('a field that is given more than once is refused', async t => {
  for (const name of ['message', 'system', 'max_tokens', 'response_format']) {
    t.strictSame(refusal({ message: 'Hi', [name]: ['5', '6'] }), {
      code: 'INVALID_FIELD',
      status: 400,
      message: `Field "${name}" is given more than once`,
      details: { field: name }
    })
  }
})

t.test('stop strings may be a list, JSON of a list, or one text', async t => {
  const stop = (value: unknown) => parseChatForm({ message: 'Hi', stop: value }).stop
  t.strictSame(stop(['a', 'b']), ['a', 'b'])
  t.strictSame(stop('["a","b"]'), ['a', 'b'])
  t.strictSame(stop('[]'), [])
  t.strictSame(stop(['', 'a', '']), ['a'], 'empty ones stop nothing')
  t.strictSame(stop(['']), [])
  t.strictSame(stop('["","a"]'), ['a'])
  t.equal(stop(Array.from({ length: 16 }, (_, i) => `${i}`))?.length, 16)
  t.strictSame(stop('\n'), ['\n'], 'a line break is a stop string')
  t.strictSame(stop('[INST]'), ['[INST]'], 'a text that is not JSON is a stop string')
})

t.test('stop strings are refused if they are too many, too long or not strings', async t => {
  const cases: Array<[stop: unknown, field: string]> = [
    [Array.from({ length: 17 }, (_, i) => `${i}`), 'stop'],
    [5, 'stop'],
    [{}, 'stop'],
    [['x'.repeat(101)], 'stop[0]'],
    ['x'.repeat(101), 'stop[0]'],
    [[1], 'stop[0]'],
    ['[1]', 'stop[0]']
  ]
  for (const [stop, field] of cases) {
    const { code, message, details } = refusal({ message: 'Hi', stop })
    t.strictSame([code, details.field], ['INVALID_FIELD', field], JSON.stringify(stop))
    t.ok(message.startsWith(`Field "${field}" must `), message)
  }
})

t.test('a response format may be JSON, and in a form text', async t => {
  for (const format of [
    { type: 'text' },
    { type: 'json_object' },
    {
      type: 'json_schema',
      json_schema: { name: 'x', schema: { type: 'object', properties: { a: { type: 'integer' } } }, strict: true }
    },
    { type: 'json_schema', json_schema: { name: 'x', schema: true } }
  ]) {
    t.strictSame(parseChatForm({ message: 'Hi', response_format: format }).response_format, format)
    t.strictSame(parseChatForm({ message: 'Hi', response_format: JSON.stringify(format) }).response_format, format)
  }
})

t.test('a response format that is not valid is refused', async t => {
  t.strictSame(refusal({ message: 'Hi', response_format: '{"type":' }), {
    code: 'INVALID_FIELD',
    status: 400,
    message: 'Field "response_format" is not valid JSON',
    details: { field: 'response_format' }
  })
  const named = (more: object) => ({ type: 'json_schema', json_schema: { name: 'x', schema: {}, ...more } })
  const cases: Array<[format: unknown, place: string]> = [
    ['json_object', ''],
    [5, ''],
    [[1], ''],
    [{}, '.type'],
    [{ type: 'xml' }, '.type'],
    [{ type: 'json_object', shape: {} }, '.shape'],
    [{ type: 'json_schema' }, ''],
    [named({ schema: [1] }), '.json_schema.schema'],
    [named({ strict: 'yes' }), '.json_schema.strict']
  ]
  for (const [format, place] of cases) {
    const { code, status, message, details } = refusal({ message: 'Hi', response_format: format })
    t.strictSame(
      [code, status, details.field], ['INVALID_FIELD', 400, `response_format${place}`], JSON.stringify(format)
    )
    t.ok(message.startsWith(`Field "response_format${place}" `), message)
  }
})
