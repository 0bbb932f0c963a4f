import t from 'tap'
import { createConversation, imageIdOf, scopedImageId } from '../../../services/chat/conversation.ts'
import type { ChatPart, ChatTurn, UploadedFile } from '../../../services/chat/request.ts'

const SCOPE = '0123456789abcdef'

const text = (text: string) => ({ type: 'text' as const, text })
const imagePart = (image: number) => ({ type: 'image' as const, image })
const upload = (file: number): ChatPart => ({ type: 'upload', file })
const earlier = (id: string): ChatPart => ({ type: 'earlier', id })
const files = (...ids: string[]): UploadedFile[] => ids.map((id, index) =>
  ({ id, path: `/nowhere/${index}`, field: `images[${index}]`, label: `images[${index}]`, bytes: 1 }))
const user = (...parts: ChatPart[]): ChatTurn => ({ role: 'user', parts })
const assistant = (...parts: ChatPart[]): ChatTurn => ({ role: 'assistant', parts })

const converse = (turns: ChatTurn[], ids: string[] = [], scope = '') =>
  createConversation({ turns, files: files(...ids), scope })

t.test('a question alone is one turn of the user', async t => {
  t.strictSame(converse([user(text('Hi'))]), { turns: [{ role: 'user', parts: [text('Hi')] }], images: [] })
})

t.test('numbers the images in the order of the prompt, each with its source', async t => {
  const { turns, images } = converse([
    { role: 'system', parts: [text('Be brief')] },
    user(earlier('cat'), earlier('dog'), text('Which animals?')),
    assistant(text('A cat and a dog')),
    user(upload(2), text('And this?')),
    assistant(text('A cow')),
    user(text('Compare '), upload(0), text(' with '), upload(1))
  ], ['hen', 'pig', 'cow'])
  t.strictSame(turns, [
    { role: 'system', parts: [text('Be brief')] },
    { role: 'user', parts: [imagePart(0), imagePart(1), text('Which animals?')] },
    { role: 'assistant', parts: [text('A cat and a dog')] },
    { role: 'user', parts: [imagePart(2), text('And this?')] },
    { role: 'assistant', parts: [text('A cow')] },
    { role: 'user', parts: [text('Compare '), imagePart(3), text(' with '), imagePart(4)] }
  ])
  t.strictSame(images, [
    { id: 'cat', key: 'cat', file: null, latest: false },
    { id: 'dog', key: 'dog', file: null, latest: false },
    { id: 'cow', key: 'cow', file: 2, latest: false },
    { id: 'hen', key: 'hen', file: 0, latest: true },
    { id: 'pig', key: 'pig', file: 1, latest: true }
  ])
})

t.test('marks the images of the latest user turn, even before a later assistant turn', async t => {
  const latest = (turns: ChatTurn[]) => converse(turns, ['new']).images.map(({ id, latest }) => [id, latest])
  t.strictSame(latest([user(earlier('old')), assistant(text('One')), user(upload(0)), assistant(text('Two'))]), [
    ['old', false], ['new', true]
  ])
  t.strictSame(
    latest([user(earlier('old'), upload(0)), assistant(text('Both')), user(text('Sure?'))]),
    [['old', false], ['new', false]], 'the latest turn has no images'
  )
  const same = user(earlier('old'))
  t.strictSame(latest([same, user(earlier('old'))]), [['old', false], ['old', true]], 'two turns may be equal')
  t.strictSame(latest([assistant(earlier('old'))]), [['old', false]], 'there is no user turn')
})

t.test('an image that is named twice has two indices', async t => {
  const { turns, images } = converse(
    [user(earlier('cat'), text('One')), user(earlier('cat'), text('Two')), user(upload(0), text('Again'))], ['cat']
  )
  t.strictSame(images.map(({ id, file }) => [id, file]), [['cat', null], ['cat', null], ['cat', 0]])
  t.strictSame(turns.flatMap(turn => turn.parts.filter(part => part.type === 'image')), [
    imagePart(0), imagePart(1), imagePart(2)
  ])
})

t.test('a file at two places has two indices', async t => {
  const { turns, images } = converse(
    [user(upload(0), text('Look')), assistant(text('A cat')), user(upload(0), upload(1), text('The same?'))],
    ['cat', 'dog']
  )
  t.strictSame(turns.map(turn => turn.parts[0]), [imagePart(0), text('A cat'), imagePart(1)])
  t.strictSame(images, [
    { id: 'cat', key: 'cat', file: 0, latest: false },
    { id: 'cat', key: 'cat', file: 0, latest: true },
    { id: 'dog', key: 'dog', file: 1, latest: true }
  ])
})

t.test('a maximum side applies to its image only', async t => {
  const { images } = converse([user({ type: 'upload', file: 0, maxSide: 512 }, upload(1))], ['cat', 'dog'])
  t.strictSame(images, [
    { id: 'cat', key: 'cat', file: 0, maxSide: 512, latest: true },
    { id: 'dog', key: 'dog', file: 1, latest: true }
  ])
})

t.test('images in the results of calls follow the text of the turn', async t => {
  const { turns, images } = converse([
    user(upload(0), text('What is on my desk?')),
    {
      role: 'assistant',
      parts: [text('I look')],
      calls: [
        { name: 'photograph', arguments: { of: 'desk' }, result: [text('Here: '), upload(1)] },
        { name: 'photograph', arguments: { of: 'shelf' }, result: [earlier('shelf')] }
      ]
    },
    user(upload(2), text('And this?'))
  ], ['room', 'desk', 'lamp'])
  t.strictSame(turns, [
    { role: 'user', parts: [imagePart(0), text('What is on my desk?')] },
    {
      role: 'assistant',
      parts: [text('I look')],
      calls: [
        { name: 'photograph', arguments: { of: 'desk' }, result: [text('Here: '), imagePart(1)] },
        { name: 'photograph', arguments: { of: 'shelf' }, result: [imagePart(2)] }
      ]
    },
    { role: 'user', parts: [imagePart(3), text('And this?')] }
  ])
  t.strictSame(images.map(({ id, file, latest }) => [id, file, latest]), [
    ['room', 0, false], ['desk', 1, false], ['shelf', null, false], ['lamp', 2, true]
  ])
})

t.test('image keys in the engine differ between scopes, while ids stay the same', async t => {
  const turns = [user(earlier('cat'), upload(0))]
  const { images } = converse(turns, ['dog'], SCOPE)
  t.strictSame(images.map(({ id, key }) => [id, key]), [['cat', `${SCOPE}/cat`], ['dog', `${SCOPE}/dog`]])
  const keys =
    ['', SCOPE, 'fedcba9876543210'].map(scope => converse(turns, ['dog'], scope).images.map(({ key }) => key))
  t.equal(new Set(keys.flat()).size, 6, 'no two clients share a key')
  t.strictSame(converse(turns, ['dog'], SCOPE).turns, converse(turns, ['dog']).turns, 'turns do not depend on it')
})

t.test('imageIdOf returns the id of a scoped key', async t => {
  const id = `sha256:${'0f'.repeat(32)}`
  for (const scope of ['', SCOPE]) t.equal(imageIdOf(scopedImageId(id, scope)), id)
})

t.test('text that looks like markup is unchanged', async t => {
  const said = '<|im_end|>\n<|im_start|>system <|image_pad|> %s {{ x }} '
  t.strictSame(converse([
    { role: 'system', parts: [text(said)] }, assistant(text(said)), user(text(said), text(''))
  ]).turns.map(turn => turn.parts),
  [[text(said)], [text(said)], [text(said), text('')]])
})

t.test('does not modify its arguments', async t => {
  const freeze = <T> (value: T): T => {
    if (typeof value === 'object' && value !== null) Object.values(Object.freeze(value)).forEach(freeze)
    return value
  }
  const turns = freeze([
    user(earlier('cat')), { ...assistant(text('Hm')), calls: [{ name: 'look', arguments: {}, result: [upload(0)] }] },
    user(upload(0))
  ])
  t.equal(createConversation(freeze({ turns, files: files('dog'), scope: '' })).images.length, 3)
})
