import t from 'tap'
import type { Engine, EngineEvent, GenerateRequest, Turn } from '../../../services/engine/engine.ts'
import { createTestEngine } from '../../helper.ts'
import { PLAIN, WITHOUT_THOUGHTS, WITH_THOUGHTS, writeScriptedModel, type Script } from '../../models/scripted-model.ts'
import type { Family } from '../../models/families.ts'
import { collect, textOf } from './requests.ts'

type Done = Extract<EngineEvent, { type: 'done' }>

const never = new AbortController().signal
const QUESTION: Turn[] = [{ role: 'user', parts: [{ type: 'text', text: 'What is in the picture?' }] }]
const THOUGHTS = 'The circle <tool_call> is red. STOP\nSo it is'
const ANSWER = 'A red circle.'

async function startEngine (scripts: Script[], family: Family = 'qwen3.5'): Promise<Engine> {
  const { model, mmproj } = await writeScriptedModel(t.testdir(), { family, scripts })
  return await createTestEngine(t, { model, mmproj, threads: 1, contextSize: 1024 })
}

/** Thinks, ends its thoughts, and answers. */
const thinker = await startEngine([{ after: WITH_THOUGHTS, say: `${THOUGHTS}\n</think>\n\n${ANSWER}` }])
/** Thinks without an end, and answers if somebody else ends the thoughts. */
const brooder =
  await startEngine([{ after: WITH_THOUGHTS, say: ' red', then: 'repeat' }, { after: WITHOUT_THOUGHTS, say: ANSWER }])

interface Asked { turns?: Turn[], thinkingTokens?: number, maxTokens?: number, stop?: string[], grammar?: string }

function requestOf (
  { turns = QUESTION, thinkingTokens = 100, maxTokens = 40, stop = [], grammar }: Asked, scope = ''
): GenerateRequest {
  return {
    turns,
    scope,
    tools: [],
    images: [],
    maxTokens,
    thinkingTokens,
    stop,
    grammar: grammar ?? null,
    sampling: { temperature: 0 }
  }
}

async function ask (engine: Engine, asked: Asked = {}, scope = '') {
  const events = await collect(engine.generate(requestOf(asked, scope), never))
  const { usage, finishReason, timings } = events.at(-1) as Done
  const firstToken = events.findIndex(({ type }) => type === 'token')
  const lastThought = events.findLastIndex(({ type }) => type === 'thought')
  return {
    thoughts: events.map(event => event.type === 'thought' ? event.text : '').join(''),
    text: textOf(events),
    inOrder: lastThought < firstToken,
    finishReason,
    usage,
    timings
  }
}

t.test('thoughts come before the answer and are not part of it', async t => {
  const { thoughts, text, inOrder, finishReason, usage, timings } = await ask(thinker)
  t.same(
    { thoughts, text, inOrder, finishReason },
    { thoughts: THOUGHTS, text: ANSWER, inOrder: true, finishReason: 'stop' }
  )
  t.ok(usage.thinkingTokens > 5)
  t.ok(usage.completionTokens > 0)
  t.ok(timings.thinkingMs > 0)
})

t.test('a model that may think does so only if it is asked to', async t => {
  t.match(await ask(brooder, { thinkingTokens: 0 }), {
    thoughts: '', text: ANSWER, usage: { thinkingTokens: 0 }, timings: { thinkingMs: 0 }
  })
})

t.test('thoughts that exceed their budget are ended, and the model answers', async t => {
  for (const thinkingTokens of [1, 2, 17]) {
    const { thoughts, text, usage, finishReason } = await ask(brooder, { thinkingTokens })
    t.equal(thoughts, ' red'.repeat(thinkingTokens).trim())
    t.equal(text, ANSWER)
    t.equal(usage.thinkingTokens, thinkingTokens)
    t.equal(finishReason, 'stop')
  }
})

t.test('a budget that is just enough does not cut the thoughts', async t => {
  const { usage: { thinkingTokens } } = await ask(thinker)
  t.match(await ask(thinker, { thinkingTokens }), { thoughts: THOUGHTS, text: ANSWER, usage: { thinkingTokens } })
  const short = await ask(thinker, { thinkingTokens: thinkingTokens - 1 })
  t.equal(short.usage.thinkingTokens, thinkingTokens - 1)
  t.ok(THOUGHTS.startsWith(short.thoughts) && short.thoughts !== THOUGHTS)
})

t.test('the limit of the answer and stop strings count from behind the thoughts', async t => {
  t.match(await ask(thinker, { stop: ['STOP', 'circle.'] }), {
    thoughts: THOUGHTS, text: 'A red ', finishReason: 'stop'
  })
  t.match(await ask(thinker, { maxTokens: 1 }), {
    thoughts: THOUGHTS, text: /^A/, finishReason: 'length', usage: { completionTokens: 1 }
  })
})

t.test('thoughts leave room for the answer', async t => {
  const room = 1023 - (await brooder.inspect(QUESTION, [], [], true)).textTokens
  const { usage, text } = await ask(brooder, { thinkingTokens: 5000, maxTokens: 200 })
  t.equal(usage.thinkingTokens, room - 200)
  t.equal(text, ANSWER)
  const half = await ask(brooder, { thinkingTokens: 5000, maxTokens: 5000 })
  t.equal(half.usage.thinkingTokens, Math.floor(room / 2), 'an answer that wants everything gets half')
  t.equal(half.text, ANSWER)
})

t.test('a prompt that leaves no room behind its thoughts is refused', async t => {
  const long = (words: number): Turn[] => [{ role: 'user', parts: [{ type: 'text', text: ' a'.repeat(words) }] }]
  const rest = (await brooder.inspect(long(1), [], [], true)).textTokens - 1
  const most = 1023 - 1 - rest
  t.match(await ask(brooder, { turns: long(most) }), { text: /^A/, usage: { thinkingTokens: 0, completionTokens: 1 } })
  await t.rejects(ask(brooder, { turns: long(most + 1) }), {
    code: 'PROMPT_TOO_LONG', message: /needs 1024 tokens; the context window has 1023/
  })
})

t.test('a grammar begins behind the thoughts', async t => {
  const grammar = 'root ::= "A red " [a-z]+ "."'
  t.match(await ask(thinker, { grammar }), { thoughts: THOUGHTS, text: ANSWER, finishReason: 'stop' })
  t.match(await ask(brooder, { grammar, thinkingTokens: 3 }), { thoughts: 'red red red', text: ANSWER })
  const { text } = await ask(thinker, { grammar: 'root ::= "yes" | "no"' })
  t.ok(['yes', 'no'].includes(text), text)
})

t.test('a model that ends its turn within its thoughts answers nevertheless', async t => {
  const engine = await startEngine([{ after: WITH_THOUGHTS, say: 'Enough.' }, { after: WITHOUT_THOUGHTS, say: ANSWER }])
  t.match(await ask(engine), { thoughts: 'Enough.', text: ANSWER, finishReason: 'stop' })
})

t.test('a second closing tag of a model whose thoughts were cut off is not part of the answer', async t => {
  const engine = await startEngine([
    { after: WITH_THOUGHTS, say: ' blue', then: 'repeat' }, { after: WITHOUT_THOUGHTS, say: 'It is</think> a circle.' }
  ])
  const { text, usage: { completionTokens } } = await ask(engine, { thinkingTokens: 3 })
  t.equal(text, 'It is a circle.')
  t.match(await ask(engine, { thinkingTokens: 3, maxTokens: completionTokens }), { text, finishReason: 'length' })
})

t.test('tags of thoughts after thoughts are not part of an answer', async t => {
  const scripts = (say: string): Script[] =>
    [{ after: WITH_THOUGHTS, say: ' blue', then: 'repeat' }, { after: WITHOUT_THOUGHTS, say }]
  const again = await startEngine(scripts('<think>Secret.'))
  for (const thinkingTokens of [0, 3]) {
    const { text } = await ask(again, { thinkingTokens, maxTokens: 5 })
    t.match(text, /^Secret/, `${thinkingTokens}: without the tag`)
  }
  const closing = await startEngine(scripts('</think> Red.'))
  t.match(await ask(closing, { thinkingTokens: 3, maxTokens: 3 }), { text: /^R/, usage: { completionTokens: 3 } })
  t.match(await ask(closing, { thinkingTokens: 3 }), { text: 'Red.' })
})

t.test('a model that always thinks does so within its budget', async t => {
  const engine = await startEngine([
    { after: WITH_THOUGHTS, say: ' red', then: 'repeat' }, { after: WITHOUT_THOUGHTS, say: ANSWER }
  ], 'qwen3-vl-thinking')
  t.equal(engine.info().thinking, 'always')
  t.match(await ask(engine, { thinkingTokens: 4 }), {
    thoughts: 'red red red red', text: ANSWER, usage: { thinkingTokens: 4 }
  })
  t.match(await ask(engine, { thinkingTokens: 0 }), { thoughts: '', text: ANSWER, usage: { thinkingTokens: 0 } })
})

t.test('thoughts that a model begins unasked are ended before they contain anything', async t => {
  const scripts = [{ after: PLAIN, say: '<think>\nSecret.' }, { after: WITHOUT_THOUGHTS, say: ANSWER }]
  const engine = await startEngine(scripts, 'qwen3-vl')
  t.equal(engine.info().thinking, 'never')
  t.match(await ask(engine, { thinkingTokens: 0 }), { thoughts: '', text: ANSWER })
})

t.test('an abort in thoughts ends them at once and frees the sequence', async t => {
  const abort = new AbortController()
  const reason = new Error('enough')
  const events: EngineEvent[] = []
  await t.rejects(async () => {
    for await (const event of brooder.generate(requestOf({ thinkingTokens: 800 }), abort.signal)) {
      events.push(event)
      if (events.filter(({ type }) => type === 'thought').length === 3) abort.abort(reason)
    }
  }, reason)
  t.notOk(events.some(({ type }) => type === 'token'))
  t.match(await ask(brooder, { thinkingTokens: 2 }), { thoughts: 'red red', text: ANSWER })
})

t.test('a client that writes the tags of thoughts changes nothing', async t => {
  for (const typed of ['<think>', '</think>', '<think>\n\n</think>\n\n', 'Is </think> a tag?']) {
    const turns: Turn[] = [{ role: 'user', parts: [{ type: 'text', text: typed }] }]
    t.match(await ask(thinker, { turns }), { thoughts: THOUGHTS, text: ANSWER }, typed)
    t.match(await ask(brooder, { turns, thinkingTokens: 0 }), { thoughts: '', text: ANSWER }, typed)
  }
})
