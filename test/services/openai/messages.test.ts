import t from 'tap'
import { OPENAI_FAULTS } from '../../../errors/phrases.ts'
import { CALLS_MAX, MESSAGES_MAX, MESSAGES_MAX_PARTS, NAMED_IMAGES_MAX } from '../../../schemas/limits.ts'
import { parseCompletionRequest } from '../../../services/openai/request.ts'
import { readMessages } from '../../../services/openai/messages.ts'
import { refusalOf } from '../refusal.ts'

const ID = `sha256:${'0123456789abcdef'.repeat(4)}`
const PNG = 'data:image/png;base64,iVBORw0KGgo='

const text = (text: string) => ({ type: 'text', text })
const image = (url: string, more: object = {}) => ({ type: 'image_url', image_url: { url, ...more } })
const user = (content: unknown) => ({ role: 'user', content })
const call = (id: string, args?: unknown) => ({ id, type: 'function', function: { name: 'look', arguments: args } })
const asking = (...calls: unknown[]) => ({ role: 'assistant', tool_calls: calls })

const read = (...messages: unknown[]) => readMessages(parseCompletionRequest({ model: 'tiny', messages }).messages)
/** The field and the fault of a refusal with 400 INVALID_FIELD, and its limit. */
function faultOf (...messages: unknown[]): unknown[] {
  const { code, message, details: { field, limit } } = refusalOf(() => read(...messages))
  const beginning = `Field "${String(field)}" `
  if (code !== 'INVALID_FIELD' || !message.startsWith(beginning)) throw new Error(message)
  return [field, message.slice(beginning.length), ...limit === undefined ? [] : [limit]]
}

t.test('messages become turns; system and developer are the same role', async t => {
  const { turns, images } = read(
    { role: 'system', content: 'Be brief' }, { role: 'developer', content: [text('Be kind')] }, user('Hi'),
    { role: 'assistant', content: 'Hello' }, user([text('a'), text('b')])
  )
  t.strictSame(turns, [
    { role: 'system', parts: [text('Be brief')] },
    { role: 'system', parts: [text('Be kind')] },
    { role: 'user', parts: [text('Hi')] },
    { role: 'assistant', parts: [text('Hello')] },
    { role: 'user', parts: [text('a'), text('b')] }
  ])
  t.strictSame(images, [])
})

t.test('a refusal of an earlier answer is text', async t => {
  const { turns } = read({ role: 'assistant', content: [{ type: 'refusal', refusal: 'I will not' }, text('Sorry')] })
  t.strictSame(turns[0]!.parts, [text('I will not'), text('Sorry')])
})

t.test('images keep their places in the text and are numbered through all messages', async t => {
  const { turns, images } = read(
    user([text('a'), image(PNG), text('b'), image('https://example.com/a.png')]),
    user([image(`sightline:${ID}`), image(PNG)])
  )
  t.strictSame(turns.map(turn => turn.parts), [
    [text('a'), { type: 'upload', file: 0 }, text('b'), { type: 'upload', file: 1 }],
    [{ type: 'earlier', id: ID }, { type: 'upload', file: 2 }]
  ])
  t.strictSame(images, [
    { field: 'messages[0].content[1].image_url.url', uri: PNG, remote: true },
    { field: 'messages[0].content[3].image_url.url', uri: 'https://example.com/a.png', remote: true },
    { field: 'messages[1].content[1].image_url.url', uri: PNG, remote: true }
  ])
})

t.test('detail low limits the longest side to 512 pixels; other details change nothing', async t => {
  const partsOf = (detail: unknown) => read(user([image(PNG, { detail })])).turns[0]!.parts
  t.strictSame(partsOf('low'), [{ type: 'upload', file: 0, maxSide: 512 }])
  for (const detail of ['auto', 'high', null, undefined]) t.strictSame(partsOf(detail), [{ type: 'upload', file: 0 }])
  t.strictSame(faultOf(user([image(PNG, { detail: 'medium' })])), [
    'messages[0].content[0].image_url.detail', 'must be auto, low or high'
  ])
})

t.test('an image of an earlier request needs a whole id', async t => {
  for (const id of ['', 'sha256:', ID.toUpperCase(), `${ID}0`, `${ID}\n`, 'sightline']) {
    t.strictSame(faultOf(user([image(`sightline:${id}`)])), [
      'messages[0].content[0].image_url.url', 'must be sightline:sha256: and 64 hexadecimal digits'
    ], JSON.stringify(id))
  }
})

t.test('the result of a call is attached to the call', async t => {
  const { turns, images } = read(
    user('Where?'), asking(call('1', '{"at":1}'), call('2')),
    { role: 'tool', tool_call_id: '2', content: 'second' },
    { role: 'tool', tool_call_id: '1', content: [text('first'), image(PNG)] },
    { role: 'tool', tool_call_id: '1', content: 'more' }
  )
  t.strictSame(turns[1], {
    role: 'assistant',
    parts: [],
    calls: [
      { name: 'look', arguments: { at: 1 }, result: [text('first'), { type: 'upload', file: 0 }, text('more')] },
      { name: 'look', arguments: {}, result: [text('second')] }
    ]
  })
  t.equal(turns.length, 2, 'results are no turns')
  t.equal(images[0]!.field, 'messages[3].content[1].image_url.url')
})

t.test('a result belongs to the latest call with its id', async t => {
  const result = (content: string) => ({ role: 'tool', tool_call_id: '1', content })
  const { turns } = read(asking(call('1')), result('old'), asking(call('1')), result('new'))
  t.strictSame(turns.map(turn => turn.calls![0]!.result), [[text('old')], [text('new')]])
})

t.test('arguments may be missing, null or an empty text', async t => {
  for (const args of [undefined, null, '', '{}', ' { } ', {}, '[]', []]) {
    t.strictSame(read(asking(call('1', args))).turns[0]!.calls![0]!.arguments, {}, JSON.stringify(args))
  }
})

t.test('arguments must be a JSON object as text, within the bounds of JSON', async t => {
  const field = 'messages[0].tool_calls[1].function.arguments'
  for (const args of ['{', '5', 'null', '"a"', '[1]', 5, [1], false]) {
    t.strictSame(faultOf(asking(call('1'), call('2', args))), [field, 'must be a JSON object as text'], String(args))
  }
  t.strictSame(faultOf(asking(call('1'), call('2', `{"a":${'['.repeat(200)}`))), [
    field, 'is nested deeper than 128 levels', 128
  ])
  const many = `{"a":[${'0,'.repeat(30_000)}0]}`
  t.strictSame(faultOf(asking(call('1', many), call('2', many))), [field, 'has more than 50000 values', 50_000])
})

t.test('the type of an earlier call is ignored', async t => {
  for (const type of ['function', 'custom', null, 5, undefined]) {
    t.equal(read(asking({ ...call('1'), type })).turns[0]!.calls![0]!.name, 'look', String(type))
  }
})

t.test('an answer and the result of a call may have no content', async t => {
  for (const content of [null, undefined, '']) {
    t.strictSame(read({ role: 'assistant', content }).turns, [{ role: 'assistant', parts: [] }])
    t.strictSame(read({ role: 'assistant', content, tool_calls: [] }).turns[0]!.parts, [])
    t.strictSame(read({ ...asking(call('1')), content }).turns[0]!.parts, [])
    const { turns } = read(asking(call('1')), { role: 'tool', tool_call_id: '1', content })
    t.strictSame(turns[0]!.calls![0]!.result, [text('')])
  }
  t.strictSame(read({ ...asking(call('1')), content: 'Wait' }).turns[0]!.parts, [text('Wait')])
  t.strictSame(read({ role: 'assistant', content: '', tool_calls: null }).turns, [{ role: 'assistant', parts: [] }])
})

t.test('a result without its call is refused', async t => {
  const fault = ['messages[0].tool_call_id', 'must be the id of a call in an earlier message']
  for (const id of ['1', 5, null, undefined]) {
    t.strictSame(faultOf({ role: 'tool', tool_call_id: id, content: 'x' }, asking(call('1'))), fault, String(id))
  }
})

t.test('a message at fault is named', async t => {
  const object = 'must be an object'
  const role = 'must be one of system, developer, user, assistant, tool'
  const content = 'must be a text or a list of parts'
  const parts = 'must be text or an image: {"type": "text", "text": "…"} or ' +
    '{"type": "image_url", "image_url": {"url": "data:image/png;base64,…"}}'
  const cases: Array<[message: unknown, place: string, fault: string]> = [
    [5, '', object],
    [null, '', object],
    [[], '', object],
    [{ content: 'Hi' }, '.role', role],
    [{ role: 'critic', content: 'Hi' }, '.role', role],
    [{ role: 'function', content: 'Hi' }, '.tool_call_id', 'must be the id of a call in an earlier message'],
    [{ role: ['user'], content: 'Hi' }, '.role', role],
    [{ role: 'user' }, '.content', content],
    [user(null), '.content', content],
    [{ role: 'system' }, '.content', content],
    [{ role: 'assistant', content: 5 }, '.content', content],
    [user([text('a'), null]), '.content[1]', object],
    [user([{}]), '.content[0]', parts],
    [user([{ type: 'image', source: {} }]), '.content[0].source', OPENAI_FAULTS.mustBeImage.en],
    [user([{ type: 'input_audio' }]), '.content[0].type', OPENAI_FAULTS.noAudio.en],
    [user([{ type: 'text' }]), '.content[0].text', 'must be a string'],
    [user([{ type: 'text', text: null }]), '.content[0].text', 'must be a string'],
    [user([{ type: 'refusal', refusal: 5 }]), '.content[0].refusal', 'must be a string'],
    [user([{ type: 'image_url' }]), '.content[0]', parts],
    [user([{ type: 'image_url', image_url: {} }]), '.content[0].image_url', OPENAI_FAULTS.mustBeImage.en],
    [{ role: 'assistant', content: 'a', tool_calls: {} }, '.tool_calls', 'must be a list of calls'],
    [asking(5), '.tool_calls[0]', object],
    [asking({ id: '1' }), '.tool_calls[0].function', object],
    [asking({ id: '1', function: 'look' }), '.tool_calls[0].function', object],
    [asking(call('1'), call('1')), '.tool_calls[1].id', 'is given more than once'],
    [asking({ id: 1, function: { name: 'look' } }), '.tool_calls[0].id', 'must be a string'],
    [asking({ id: '1', function: {} }), '.tool_calls[0].function.name', 'must be a string']
  ]
  for (const [message, place, fault] of cases) {
    t.strictSame(faultOf(user('Hi'), message), [`messages[1]${place}`, fault], JSON.stringify(message))
  }
})

t.test('messages, their parts, their calls and the images that they name are bounded', async t => {
  const list = <T>(length: number, make: (index: number) => T) => Array.from({ length }, (_, index) => make(index))
  t.equal(read(...list(MESSAGES_MAX, () => user('Hi'))).turns.length, 1000)
  t.strictSame(faultOf(...list(MESSAGES_MAX + 1, () => user('Hi'))), [
    'messages', 'has 1001 messages; the limit is 1000', 1000
  ])

  const half = list(MESSAGES_MAX_PARTS / 2, () => text('a'))
  t.equal(read(user(half), user(half)).turns.length, 2)
  t.strictSame(faultOf(user(half), user(half), user([text('a')])), [
    'messages', 'has 10001 parts of content; the limit is 10000', 10_000
  ])

  const calls = list(CALLS_MAX, index => call(String(index)))
  t.equal(read(asking(...calls)).turns[0]!.calls!.length, 1000)
  t.strictSame(faultOf(asking(...calls), asking(call('x'))), [
    'messages', 'has 1001 tool calls; the limit is 1000', 1000
  ])

  const idOf = (index: number) => `sightline:sha256:${index.toString(16).padStart(64, '0')}`
  const named = list(NAMED_IMAGES_MAX, index => image(idOf(index)))
  t.equal(read(user(named)).turns[0]!.parts.length, 256)
  t.strictSame(faultOf(
    user(named), asking(call('1')), { role: 'tool', tool_call_id: '1', content: [image(idOf(NAMED_IMAGES_MAX))] }
  ), ['messages', 'names 257 different images by id; the limit is 256', 256])
})
