import t from 'tap'
import type { ChatFields } from '../../../schemas/chat.ts'
import { toQuestion } from '../../../services/chat/question.ts'
import type { UploadedFile } from '../../../services/chat/request.ts'
import { refusalOf } from '../refusal.ts'

const CAT = `sha256:${'ca'.repeat(32)}`
const DOG = `sha256:${'d0'.repeat(32)}`
const COW = `sha256:${'c0'.repeat(32)}`

const text = (text: string) => ({ type: 'text', text })
const upload = (file: number) => ({ type: 'upload', file })
const earlier = (id: string) => ({ type: 'earlier', id })

function filesOf (field: string, ids: string[]): UploadedFile[] {
  return ids.map((id, index) =>
    ({ id, path: `/nowhere/${field}${index}`, field: `${field}[${index}]`, label: `${field}[${index}]`, bytes: 1 }))
}

const ask = (fields: ChatFields, images: string[] = [], resent: string[] = []) =>
  toQuestion(fields, filesOf('images', images), filesOf('history_images', resent))

const refusal = (...question: Parameters<typeof ask>) => refusalOf(() => ask(...question))

/** A conversation about a cat, and then a dog. */
const history: ChatFields['history'] = [
  { role: 'user', content: 'What is this?', images: [CAT] },
  { role: 'assistant', content: 'A cat' },
  { role: 'user', content: 'And these?', images: [DOG, CAT] },
  { role: 'assistant', content: 'A dog, and the cat again', images: [] }
]

t.test('a message alone is one turn of the user; the settings are left to the model', async t => {
  t.strictSame(ask({ message: 'Hi' }), {
    turns: [{ role: 'user', parts: [text('Hi')] }],
    tools: [],
    maxTokens: 1024,
    thinking: null,
    stop: [],
    constraint: null,
    singleCall: false,
    sampling: {
      temperature: undefined,
      topP: undefined,
      topK: undefined,
      minP: undefined,
      repeatPenalty: undefined,
      seed: undefined
    }
  })
})

t.test('the settings of the answer are passed on as they are, zeros included', async t => {
  const { maxTokens, stop, sampling } = ask({
    message: 'Hi',
    max_tokens: 7,
    temperature: 0,
    top_p: 0.5,
    top_k: 0,
    min_p: 0,
    repeat_penalty: 1.5,
    seed: 0,
    stop: ['a', 'b']
  })
  t.equal(maxTokens, 7)
  t.strictSame(stop, ['a', 'b'])
  t.strictSame(sampling, { temperature: 0, topP: 0.5, topK: 0, minP: 0, repeatPenalty: 1.5, seed: 0 })
})

t.test('the images of a question come before its text, in upload order', async t => {
  t.strictSame(ask({ message: 'Compare' }, [CAT, DOG, COW]).turns, [
    { role: 'user', parts: [upload(0), upload(1), upload(2), text('Compare')] }
  ])
})

t.test('system prompt, history and question follow in this order; the history names its images by id', async t => {
  t.strictSame(ask({ message: 'And now?', system: 'Be brief', history }, [COW]).turns, [
    { role: 'system', parts: [text('Be brief')] },
    { role: 'user', parts: [earlier(CAT), text('What is this?')] },
    { role: 'assistant', parts: [text('A cat')] },
    { role: 'user', parts: [earlier(DOG), earlier(CAT), text('And these?')] },
    { role: 'assistant', parts: [text('A dog, and the cat again')] },
    { role: 'user', parts: [upload(0), text('And now?')] }
  ])
})

t.test('an empty system prompt makes no turn', async t => {
  t.strictSame(ask({ message: 'Hi', system: '' }).turns.map(turn => turn.role), ['user'])
})

t.test('an image of the history that is sent again is used wherever the history names it', async t => {
  const { turns } = ask({ message: 'And now?', history }, [COW], [CAT])
  t.strictSame(turns.map(turn => turn.parts), [
    [upload(1), text('What is this?')],
    [text('A cat')],
    [earlier(DOG), upload(1), text('And these?')],
    [text('A dog, and the cat again')],
    [upload(0), text('And now?')]
  ])
})

t.test('images may be sent again in any order; their indexes follow those of the question', async t => {
  for (const [resent, cat, dog] of [[[CAT, DOG], 2, 3], [[DOG, CAT], 3, 2]] as const) {
    const { turns } = ask({ message: 'And now?', history }, [COW, COW], [...resent])
    t.strictSame(turns[0]!.parts, [upload(cat), text('What is this?')])
    t.strictSame(turns[2]!.parts, [upload(dog), upload(cat), text('And these?')])
    t.strictSame(turns[4]!.parts, [upload(0), upload(1), text('And now?')])
  }
})

t.test('of two copies of an image that is sent again the first is used', async t => {
  const { turns } = ask({ message: 'And now?', history }, [], [CAT, DOG, CAT])
  t.strictSame(turns[2]!.parts, [upload(1), upload(0), text('And these?')])
})

t.test('the same image may be in the history and in the question', async t => {
  const { turns } = ask({ message: 'Again', history: [{ role: 'user', content: 'One', images: [CAT] }] }, [CAT])
  t.strictSame(turns.map(turn => turn.parts), [[earlier(CAT), text('One')], [upload(0), text('Again')]])
})

t.test('an image that is sent again is refused, by its place, if the history does not name it', async t => {
  const stranger = (place: number) => ({
    code: 'INVALID_FIELD',
    status: 400,
    message: `Field "history_images[${place}]" must be an image that "history" names`,
    details: { field: `history_images[${place}]` }
  })
  t.strictSame(refusal({ message: 'Hi', history }, [], [COW]), stranger(0))
  t.strictSame(refusal({ message: 'Hi', history }, [], [DOG, CAT, COW]), stranger(2))
  t.strictSame(refusal({ message: 'Hi', history }, [COW], [COW]), stranger(0), 'although the question has it')
  t.strictSame(refusal({ message: 'Hi' }, [], [CAT]), stranger(0), 'without a history')
})

t.test('a response format constrains the answer; free text does not', async t => {
  const constraintOf = (format: ChatFields['response_format']) =>
    ask({ message: 'Hi', response_format: format }).constraint
  t.equal(constraintOf({ type: 'text' }), null)
  const format = { type: 'json_schema' as const, json_schema: { name: 'colour', schema: { enum: ['crimson'] } } }
  t.strictSame(constraintOf(format), { type: 'format', format })
})

t.test('a response format may come with stop strings, which cut the answer', async t => {
  const formats =
    [{ type: 'json_object' as const }, { type: 'json_schema' as const, json_schema: { name: 'x', schema: true } }]
  for (const format of formats) {
    const { constraint, stop } = ask({ message: 'Hi', response_format: format, stop: ['x'] })
    t.strictSame({ constraint, stop }, { constraint: { type: 'format', format }, stop: ['x'] })
  }
  t.equal(ask({ message: 'Hi', response_format: { type: 'text' }, stop: ['x'] }).constraint, null)
})
