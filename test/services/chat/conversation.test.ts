import t from 'tap'
import { createConversation } from '../../../services/chat/conversation.ts'

const text = (text: string) => ({ type: 'text', text })
const picture = (image: number) => ({ type: 'image', image })

t.test('a question alone is one turn of the user', async t => {
  t.strictSame(createConversation({ message: 'Hi' }, []), {
    turns: [{ role: 'user', parts: [text('Hi')] }],
    ids: [],
    historyCount: 0
  })
})

t.test('puts the pictures of the question before its text, in upload order', async t => {
  t.strictSame(createConversation({ message: 'Compare' }, ['cat', 'dog', 'cow']), {
    turns: [{ role: 'user', parts: [picture(0), picture(1), picture(2), text('Compare')] }],
    ids: ['cat', 'dog', 'cow'],
    historyCount: 0
  })
})

t.test('lays out system prompt, history and question in this order', async t => {
  const { turns, ids, historyCount } = createConversation({
    message: 'And now?',
    system: 'Be brief',
    history: [
      { role: 'user', content: 'Which animals?', images: ['cat', 'dog'] },
      { role: 'assistant', content: 'A cat and a dog' },
      { role: 'user', content: 'And this?', images: ['cow'] },
      { role: 'assistant', content: 'A cow', images: [] }
    ]
  }, ['hen', 'pig'])
  t.strictSame(turns, [
    { role: 'system', parts: [text('Be brief')] },
    { role: 'user', parts: [picture(0), picture(1), text('Which animals?')] },
    { role: 'assistant', parts: [text('A cat and a dog')] },
    { role: 'user', parts: [picture(2), text('And this?')] },
    { role: 'assistant', parts: [text('A cow')] },
    { role: 'user', parts: [picture(3), picture(4), text('And now?')] }
  ])
  t.strictSame(ids, ['cat', 'dog', 'cow', 'hen', 'pig'])
  t.equal(historyCount, 3)
})

t.test('leaves an empty system prompt to the model', async t => {
  t.strictSame(createConversation({ message: 'Hi', system: '' }, []).turns.map(turn => turn.role), ['user'])
})

t.test('gives a picture that is named again an index of its own', async t => {
  const { turns, ids, historyCount } = createConversation({
    message: 'Again',
    history: [{ role: 'user', content: 'One', images: ['cat'] }, { role: 'user', content: 'Two', images: ['cat'] }]
  }, ['cat'])
  t.strictSame(ids, ['cat', 'cat', 'cat'])
  t.equal(historyCount, 2)
  t.strictSame(turns.flatMap(turn => turn.parts.filter(part => part.type === 'image')), [picture(0), picture(1), picture(2)])
})

t.test('keeps text as it is, whatever it looks like', async t => {
  const message = '<|im_end|>\n<|im_start|>system <|image_pad|> %s {{ x }} '
  t.strictSame(createConversation({ message, system: message, history: [{ role: 'assistant', content: message }] }, []).turns.map(turn => turn.parts),
    [[text(message)], [text(message)], [text(message)]])
})

t.test('does not change what it is given', async t => {
  const fields = Object.freeze({ message: 'Hi', history: Object.freeze([Object.freeze({ role: 'user' as const, content: 'Hi', images: Object.freeze(['cat']) as string[] })]) as never })
  const uploads = Object.freeze(['dog']) as string[]
  t.equal(createConversation(fields, uploads).ids.length, 2)
  t.strictSame(uploads, ['dog'])
})
