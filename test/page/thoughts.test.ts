import t from 'tap'
import { en } from '../../web/src/i18n/en.ts'
import type { Key, Values } from '../../web/src/i18n/index.ts'
import {
  historyOf, newAnswer, newConversation, newQuestion, type Answer, type Conversation
} from '../../web/src/model/conversation.ts'
import { toJson } from '../../web/src/model/export-json.ts'
import { toMarkdown } from '../../web/src/model/export-markdown.ts'
import { formOf } from '../../web/src/model/form.ts'
import { fromJson } from '../../web/src/model/import-json.ts'
import { ShapeError } from '../../web/src/model/read.ts'
import { hasWords, wordsOf } from '../../web/src/model/search.ts'
import { abilityOf, thinkingField, type ThinkingMode } from '../../web/src/model/thinking.ts'
import { haveThoughts, stoppedKey, thoughtFor } from '../../web/src/model/thoughts.ts'

const THOUGHTS = { text: 'It is round.\n\n</details> So a circle.\n', ms: 12_400 }
const bytesOf = async () => null
const BYTES = { bytesOf, visibleBytesOf: bytesOf }

function conversationWith (...answers: Array<Partial<Answer>>): Conversation {
  return {
    ...newConversation(),
    title: 'Shapes',
    turns: answers.flatMap(answer => [
      newQuestion('What is it?', []),
      { ...newAnswer({ type: 'text' }), state: 'done' as const, text: 'A circle.', ...answer }
    ])
  }
}

const THOUGHTFUL = conversationWith({ thoughts: THOUGHTS })
const words = {
  t: (key: Key, values: Values = {}) => en[key].replace(/\{(\w+)\}/g, (_, name: string) => String(values[name])),
  formatDate: () => 'today',
  formatNumber: String
}

t.test('the field says whether to think where a model has the choice', async t => {
  const field = (isOn: boolean | null, tokens: number | null, mode: ThinkingMode, isDefault = false) =>
    thinkingField({ isOn, tokens }, { mode, maxTokens: 1_000, isDefault })
  t.equal(field(false, null, 'optional'), 'off', 'the service may think by default')
  t.equal(field(false, 500, 'optional'), 'off')
  t.equal(field(true, null, 'optional'), 'on')
  t.equal(field(true, 500, 'optional'), '500')
  t.equal(field(true, 2_000, 'optional'), '1000', 'more would be refused')
  t.equal(field(null, null, 'optional'), null, 'the service decides until the switch is used')
  t.equal(field(null, null, 'optional', true), null)
  t.equal(field(null, 500, 'optional', true), '500')
  t.equal(field(null, 500, 'optional'), null)
  t.equal(field(false, null, 'optional', true), 'off')
  for (const isOn of [true, false]) {
    t.equal(field(isOn, null, 'always'), null)
    t.equal(field(isOn, 500, 'always'), '500')
    t.equal(field(isOn, 500, 'never'), null, 'a model that never thinks would refuse it')
  }
})

t.test('a service that allows no thoughts has a model that never thinks', async t => {
  const status = (thinking: ThinkingMode, limits: Record<string, number>) => ({ model: { thinking }, limits })
  const unknown = { maxTokens: 131_072, isDefault: false }
  t.same(abilityOf(null), { mode: 'never', ...unknown }, 'before the first status')
  t.same(abilityOf(status('optional', {})), { mode: 'optional', ...unknown })
  t.match(abilityOf(status('always', { max_thinking_tokens: 512 })), { mode: 'always', maxTokens: 512 })
  t.same(abilityOf(status('always', { max_thinking_tokens: 0 })), { mode: 'never', maxTokens: 0, isDefault: false })
  t.match(abilityOf(status('optional', { default_thinking_tokens: 512 })), { isDefault: true })
})

t.test('an export contains the own format of a sample', async t => {
  const format = { type: 'schema', schema: '{"type":"object"}' } as const
  const conversation = { ...newConversation(), turns: [newQuestion('Which?', [], format), newQuestion('And?', [])] }
  const { conversations } = fromJson(await (await toJson([conversation], { withThoughts: true, ...BYTES })).text())
  t.same(conversations[0]!.turns.map(turn => turn.role === 'user' && turn.format), [format, undefined])
})

t.test('a request contains the answers of earlier turns without their thoughts', async t => {
  t.same(historyOf(THOUGHTFUL.turns), [
    { role: 'user', content: 'What is it?' }, { role: 'assistant', content: 'A circle.' }
  ])
  t.same(historyOf(conversationWith({ text: '', state: 'stopped', thoughts: THOUGHTS }).turns), [])
  const form = await formOf({
    question: newQuestion('Why?', []),
    before: THOUGHTFUL.turns,
    resend: new Set(),
    settings: {
      system: '',
      sampling: {
        max_tokens: null,
        temperature: null,
        top_p: null,
        top_k: null,
        min_p: null,
        repeat_penalty: null,
        seed: null
      },
      stop: [],
      thinking: { isOn: true, tokens: null }
    },
    format: { type: 'text' },
    ability: { mode: 'optional', maxTokens: 4_096, isDefault: false },
    bytesOf
  })
  t.same([...form.keys()], ['message', 'thinking', 'history'])
  t.notMatch(form.get('history'), 'round')
})

t.test('searches find answers and no thoughts', async t => {
  t.ok(hasWords(THOUGHTFUL, wordsOf('circle')))
  t.notOk(hasWords(THOUGHTFUL, wordsOf('round')))
})

t.test('Markdown contains thoughts only on request, as a quotation', async t => {
  const markdown = async (withThoughts: boolean) =>
    await (await toMarkdown(THOUGHTFUL, words, { withThoughts, ...BYTES })).text()
  t.notMatch(await markdown(false), /round|Thought/)
  t.match(
    await markdown(true),
    '## Model\n\n> **Thought for 12 s**\n> \n> It is round.\n> \n> </details> So a circle.\n\nA circle.\n'
  )
})

t.test('JSON contains thoughts only on request, and an import reads them', async t => {
  const json = async (withThoughts: boolean) => await (await toJson([THOUGHTFUL], { withThoughts, ...BYTES })).text()
  t.notMatch(await json(false), /round|thoughts/)
  const answerOf = async (text: string) => fromJson(text).conversations[0]!.turns[1] as Answer
  t.same((await answerOf(await json(true))).thoughts, THOUGHTS)
  t.equal((await answerOf(await json(false))).thoughts, undefined)
  const faulty = (await json(true)).replace('12400', '"long"')
  t.throws(() => fromJson(faulty), new ShapeError('conversations[0].turns[1].thoughts.ms', 'number'))
})

t.test('an export of an earlier version has no numbers of thoughts', async t => {
  const done = {
    success: true as const,
    finish_reason: 'stop' as const,
    usage: { prompt_tokens: 9, image_tokens: 0, cached_tokens: 0, completion_tokens: 3 },
    timings: {
      queue_ms: 0, upload_ms: 1, prepare_ms: 1, encode_ms: 0, prefill_ms: 5, decode_ms: 9, ttft_ms: 7, total_ms: 17
    },
    images: [],
    boxes: [],
    points: [],
    model: 'm',
    request_id: 'r'
  }
  const conversation = conversationWith({ done: done as never })
  const json = await (await toJson([conversation], { withThoughts: true, ...BYTES })).text()
  const { usage, timings } = (fromJson(json).conversations[0]!.turns[1] as Answer).done!
  t.same([usage.thinking_tokens, timings.thinking_ms], [0, 0])
  t.same([usage.completion_tokens, timings.decode_ms], [3, 9])
})

t.test('thoughts without a word are none', async t => {
  t.notOk(haveThoughts([conversationWith({}, { thoughts: { text: '\n\n', ms: 3 } })]))
  t.ok(haveThoughts([conversationWith({}), THOUGHTFUL]))
})

t.test('the time of thoughts is told in whole seconds', async t => {
  const told = (ms: number) => thoughtFor({ text: '', ms })
  t.same(told(12_400), { key: 'thoughts.done', values: { seconds: 12 } })
  t.same(told(600), { key: 'thoughts.done', values: { seconds: 1 } })
  t.same(told(400), { key: 'thoughts.doneSoon' })
})

t.test('an answer that was stopped within its thoughts says so', async t => {
  const stopped = (answer: Partial<Answer>) =>
    stoppedKey({ ...newAnswer({ type: 'text' }), state: 'stopped', ...answer })
  t.equal(stopped({ thoughts: THOUGHTS }), 'turn.stoppedThinking')
  t.equal(stopped({ thoughts: THOUGHTS, text: 'A' }), 'turn.stopped')
  t.equal(stopped({}), 'turn.stopped', 'before any thought')
})
