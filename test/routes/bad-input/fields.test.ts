import t from 'tap'
import { ask, askStream } from '../../helper.ts'
import { refused, service, UNKNOWN_ID } from './refusals.ts'

const history = (value: unknown) =>
  ({ message: 'Hi', history: typeof value === 'string' ? value : JSON.stringify(value) })
type Fields = Record<string, string | string[]>

const cases: Array<[name: string, fields: Fields, status: number, code: string, sentence: RegExp]> = [
  ['no message', {}, 400, 'MESSAGE_REQUIRED', /"message" is required/],
  ['a blank message', { message: ' \n ' }, 400, 'MESSAGE_REQUIRED', /"message"/],
  [
    'a message of 32,001 characters', { message: 'x'.repeat(32_001) }, 400, 'MESSAGE_TOO_LONG',
    /32001 characters; the limit is 32000/
  ],
  [
    'a message of exactly 32,000 characters that does not fit the context', { message: 'x'.repeat(32_000) }, 413,
    'PROMPT_TOO_LONG', /needs \d+ tokens; the context window has 1022/
  ],
  [
    'a message of 32,001 characters of two code units each', { message: '😀'.repeat(32_001) }, 400,
    'MESSAGE_TOO_LONG', /32001 characters/
  ],
  [
    'a message that does not fit the context', { message: 'red circle '.repeat(2900) }, 413, 'PROMPT_TOO_LONG',
    /needs \d+ tokens; the context window has 1022/
  ],
  ['two messages', { message: ['a', 'b'] }, 400, 'INVALID_FIELD', /"message" is given more than once/],
  ['an unknown field', { message: 'Hi', colour: 'red' }, 400, 'UNKNOWN_FIELD', /"colour"/],
  ['images as text', { message: 'Hi', images: 'data' }, 400, 'INVALID_FIELD', /"images" must be a file/],
  [
    'images of the history as text', { message: 'Hi', history_images: 'data' }, 400, 'INVALID_FIELD',
    /"history_images" must be a file/
  ],
  [
    'a response format that is not JSON', { message: 'Hi', response_format: '{' }, 400, 'INVALID_FIELD',
    /"response_format" is not valid JSON/
  ],
  [
    'an unknown type of response format', { message: 'Hi', response_format: '{"type":"xml"}' }, 400, 'INVALID_FIELD',
    /"response_format/
  ],
  [
    'a huge field', { message: 'Hi', system: 'x'.repeat(1024 * 1024 + 1) }, 413, 'FIELD_TOO_LARGE',
    /"system" is larger than 1048576 bytes/
  ],
  ['history that is not JSON', history('[{'), 400, 'INVALID_HISTORY', /"history" is not valid JSON/],
  ['history that is not a list', history({ images: [] }), 400, 'INVALID_HISTORY', /must be a list/],
  [
    'a single invalid turn instead of a list', history({ role: 'user' }), 400, 'INVALID_HISTORY',
    /turn 0 must have "content"/
  ],
  ['an unknown role', history([{ role: 'system', content: 'x' }]), 400, 'INVALID_HISTORY', /turn 0 role/],
  [
    'a turn without content', history([{ role: 'user', content: 'a' }, { role: 'assistant' }]), 400,
    'INVALID_HISTORY', /turn 1/
  ],
  [
    'an invalid image id', history([{ role: 'user', content: 'a', images: ['../../etc/passwd'] }]), 400,
    'INVALID_HISTORY', /turn 0 images 0/
  ],
  [
    'images in a turn of the assistant', history([{ role: 'assistant', content: 'a', images: [UNKNOWN_ID] }]), 400,
    'INVALID_HISTORY', /turn 0: only turns of the user/
  ],
  [
    'too many turns', history(Array.from({ length: 201 }, () => ({ role: 'user', content: 'a' }))), 400,
    'INVALID_HISTORY', /201 turns; the limit is 200/
  ],
  [
    'too many images in a turn',
    history([{ role: 'user', content: 'a', images: Array.from({ length: 65 }, () => UNKNOWN_ID) }]), 400,
    'INVALID_HISTORY', /turn 0 images must not have more than 64/
  ],
  [
    'an image that is not cached', history([{ role: 'user', content: 'a', images: [UNKNOWN_ID] }]), 410,
    'IMAGE_EXPIRED', new RegExp(UNKNOWN_ID)
  ]
]
for (const [field, values] of Object.entries({
  max_tokens: ['0', '1.5', '200000', 'many'],
  temperature: ['-0.1', '2.1', 'warm', 'NaN', '0x1'],
  top_p: ['0', '1.1', 'Infinity'],
  top_k: ['-1', '1001', '1.5', 'few'],
  min_p: ['-0.1', '1.1', 'low'],
  repeat_penalty: ['0.4', '2.1', 'some'],
  seed: ['-1', '4294967296', '1e400', '1.5', 'lucky'],
  stop: [JSON.stringify(Array.from({ length: 17 }, (_, i) => `${i}`))]
})) {
  for (const value of values) {
    const sentence = new RegExp(`^Field "${field}" `)
    cases.push([`${field}=${value}`, { message: 'Hi', [field]: value }, 400, 'INVALID_FIELD', sentence])
  }
}

for (const [name, fields, status, code, sentence] of cases) {
  t.test(name, async t => {
    await refused(t, await ask(service.url, fields), status, code, sentence)
    const stream = await askStream(service.url, fields)
    t.equal(stream.status, status, 'the stream route refuses with the same status')
    t.equal(stream.events[0]!.data.code, code)
    await service.quiet()
  })
}

t.test('the refusal of an image that is not cached contains its id', async t => {
  const { body } = await ask(service.url, history([{ role: 'user', content: 'a', images: [UNKNOWN_ID] }]))
  t.same(body.ids, [UNKNOWN_ID])
  await service.quiet()
})

t.test('a message of 32,000 characters of four bytes each', async t => {
  await refused(
    t, await ask(service.url, { message: '😀'.repeat(32_000) }), 413, 'PROMPT_TOO_LONG', /needs \d+ tokens/
  )
})
