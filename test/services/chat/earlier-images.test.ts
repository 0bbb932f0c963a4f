import t from 'tap'
import { createConversation } from '../../../services/chat/conversation.ts'
import { SizeMemory } from '../../../services/chat/earlier-images.ts'
import type { ChatPart, ChatTurn, UploadedFile } from '../../../services/chat/request.ts'
import type { KnownImage } from '../../../services/engine/engine.ts'

const original = { width: 4000, height: 3000 }
const sized = (id: string, columns: number, rows = columns): KnownImage =>
  ({ id, original, width: 28 * columns, height: 28 * rows, tokens: columns * rows })
const LOW = sized('a', 18, 14)
const SCALED = sized('a', 24, 18)
const FULL = sized('a', 36, 27)

const file = (id: string): UploadedFile => ({ id, path: '', field: 'images[0]', label: 'images[0]', bytes: 1 })
const user = (text: string, ...parts: ChatPart[]): ChatTurn =>
  ({ role: 'user', parts: [...parts, { type: 'text', text }] })
const answer = (text: string): ChatTurn => ({ role: 'assistant', parts: [{ type: 'text', text }] })
const upload = { type: 'upload', file: 0 } as const
const byId = { type: 'earlier', id: 'a' } as const

const asked = (text: string) => createConversation({ turns: [user(text, upload)], files: [file('a')], scope: '' })
const followUp = (text: string, image: ChatPart = byId, said = 'A cat.') =>
  createConversation({ turns: [user(text, image), answer(said), user('Why?')], files: [], scope: '' })
const chosen = (memory: SizeMemory, conversation = followUp('What?'), known = [FULL, SCALED, LOW]) =>
  memory.select(conversation, known)[0]

t.test('a follow-up gets the size of its own conversation', async t => {
  const memory = new SizeMemory()
  memory.remember(asked('What?'), [SCALED])
  memory.remember(asked('Where?'), [FULL])
  memory.remember(asked('Who?'), [LOW])
  t.equal(chosen(memory), SCALED)
  t.equal(chosen(memory, followUp('Where?')), FULL)
  t.equal(chosen(memory, followUp('Who?')), LOW)
  t.equal(chosen(memory, followUp('What?', byId, 'a cat')), SCALED, 'answers do not count')
  t.equal(chosen(memory, followUp('What?'), [FULL, LOW]), undefined, 'its size is not cached')
})

t.test('a conversation that is not known, or known in several sizes, gets the largest one', async t => {
  const memory = new SizeMemory()
  for (const known of [[FULL, SCALED, LOW], [LOW, SCALED, FULL]]) t.equal(chosen(memory, followUp('?'), known), FULL)
  memory.remember(asked('What?'), [SCALED])
  memory.remember(asked('What?'), [LOW])
  t.equal(chosen(memory), SCALED, 'the same question was asked at low detail elsewhere')
  t.equal(chosen(memory, followUp('What?'), [LOW, FULL]), LOW)
  t.equal(chosen(memory, followUp('?'), []), undefined)
})

t.test('detail beside an id is obeyed, whatever the conversation had', async t => {
  const memory = new SizeMemory()
  memory.remember(asked('What?'), [SCALED])
  const low = followUp('What?', { ...byId, maxSide: 512 })
  t.equal(chosen(memory, low), LOW)
  t.equal(chosen(memory, low, [FULL, SCALED]), undefined, 'no size at low detail is cached')
  t.equal(chosen(memory, followUp('What?', { ...byId, maxSide: Infinity })), FULL)
})

t.test('a scope, an earlier turn and another image make another conversation', async t => {
  const memory = new SizeMemory()
  memory.remember(asked('What?'), [SCALED])
  const two = createConversation({ turns: [user('What?', byId, { type: 'earlier', id: 'b' })], files: [], scope: '' })
  t.equal(chosen(memory, two), FULL)
  const later = createConversation({ turns: [user('Hi'), answer('Hello'), user('What?', byId)], files: [], scope: '' })
  t.equal(chosen(memory, later), FULL)
  const scoped = createConversation({ turns: [user('What?', byId)], files: [], scope: 'ann' })
  t.equal(chosen(memory, scoped, [{ ...FULL, id: 'ann/a' }, { ...SCALED, id: 'ann/a' }])?.tokens, FULL.tokens)
})

t.test('images of tool results belong to the turn before the call', async t => {
  const memory = new SizeMemory()
  const conversation = (part: ChatPart) => createConversation({
    turns: [user('Look'), { ...answer(''), calls: [{ name: 'see', arguments: {}, result: [part] }] }],
    files: [file('a')],
    scope: ''
  })
  memory.remember(conversation(upload), [SCALED])
  t.equal(chosen(memory, conversation(byId)), SCALED)
})
