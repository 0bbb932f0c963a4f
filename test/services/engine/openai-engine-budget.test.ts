import type { ServerResponse } from 'node:http'
import t from 'tap'
import { until } from '../../server-process.ts'
import {
  delta, finish, refuse, say, startScripted, stream, thought, type ReceivedRequest, type ScriptedUpstream
} from './upstream/front.ts'
import { createThinkingFront, generate, question } from './upstream/generate.ts'

const isOn = ({ body }: ReceivedRequest): boolean => body.chat_template_kwargs.enable_thinking
const closed = (upstream: ScriptedUpstream) => until(() => upstream.open() === 0, () => `${upstream.open()} open`)

/** Writes thoughts until the connection is closed. */
function thinkOn (response: ServerResponse): void {
  const send = stream(response)
  const write = () => {
    if (response.destroyed) return
    send(thought(' hm'))
    setImmediate(write)
  }
  write()
}

/** Thinks without end unless thinking is off, and ignores budgets. */
const endless = (response: ServerResponse, asked: ReceivedRequest) =>
  isOn(asked) ? thinkOn(response) : say(response, 'A circle.')

t.test('an upstream that exceeds the budget is asked again without thoughts', async t => {
  const upstream = await startScripted(t, async (response, asked) => {
    // The first connection is closed before the second answer.
    if (!isOn(asked)) await until(() => upstream.open() === 1)
    endless(response, asked)
  })
  const { engine, warnings } = await createThinkingFront(t, [upstream.url])
  for (let i = 0; i < 2; i++) {
    const { thoughts, text, order, done } = await generate(engine, { thinkingTokens: 50, maxTokens: 70 })
    t.same([text, order], ['A circle.', ['thought', 'token', 'done']])
    const count = thoughts.split(' ').length
    t.ok(count > 50 && count < 90, `${count} thoughts`)
    t.match(done, { finishReason: 'stop', usage: { thinkingTokens: count, completionTokens: 5, promptTokens: 40 } })
  }
  t.same(upstream.asked.map(asked => [isOn(asked), asked.body.max_tokens]), [
    [true, 120], [false, 70], [true, 120], [false, 70]
  ])
  await closed(upstream)
  t.match(warnings(), [{ msg: 'upstream asked again without thoughts', reason: 'budget', budget: 50 }])
  t.equal(warnings().length, 1, 'logged once')
})

t.test('thoughts never make an answer empty', async t => {
  const cases: Array<[string, (response: ServerResponse) => void, string]> = [
    ['max_tokens ends the thoughts', response => {
      const send = stream(response)
      send(thought('It is'))
      finish(send, response, 'length')
    }, 'It is'],
    ['a stop string ends the thoughts', response => {
      const send = stream(response)
      send(thought('It is'))
      finish(send, response, 'stop', { completion_tokens: 9, completion_tokens_details: { reasoning_tokens: 9 } })
    }, 'It is'],
    ['only white space follows', response => {
      const send = stream(response)
      send(thought('It is'))
      send(delta('\n\n'))
      finish(send, response, 'stop')
    }, 'It is'],
    ['the thoughts are not sent, only counted', response => {
      const send = stream(response)
      finish(send, response, 'length', { completion_tokens: 9, completion_tokens_details: { reasoning_tokens: 9 } })
    }, '']
  ]
  for (const [name, answer, thoughts] of cases) {
    const upstream = await startScripted(t, (response, asked) => isOn(asked) ? answer(response) : say(response, 'Yes.'))
    const { engine, warnings } = await createThinkingFront(t, [upstream.url])
    t.match(await generate(engine, { thinkingTokens: 50 }), { thoughts, text: 'Yes.' }, name)
    t.equal(upstream.asked.length, 2)
    t.match(warnings(), [{ msg: 'upstream asked again without thoughts' }])
  }
})

t.test('a call behind thoughts is an answer', async t => {
  const upstream = await startScripted(t, response => {
    const send = stream(response)
    send(thought('I must look.'))
    const call = { index: 0, id: 'a', function: { name: 'look', arguments: '{}' } }
    send({ choices: [{ index: 0, delta: { tool_calls: [call] } }] })
    finish(send, response, 'tool_calls', { completion_tokens: 10 })
  })
  const { engine } = await createThinkingFront(t, [upstream.url])
  const { thoughts, text, done } = await generate(engine, { thinkingTokens: 50, tools: [{ name: 'look' }] })
  t.equal(thoughts, 'I must look.')
  t.match(text, /^<tool_call>\n\{"name": "look"/)
  t.match(done, { finishReason: 'stop', usage: { thinkingTokens: 5, completionTokens: 5 } })
  t.equal(upstream.asked.length, 1)
})

t.test('an upstream that thinks although thinking is off gets room for its thoughts', async t => {
  const upstream = await startScripted(t, (response, { body }) => {
    const send = stream(response)
    for (const word of ['It', ' is', ' round.']) send(thought(word))
    if (body.max_tokens > 1000) send(delta('A circle.'))
    finish(send, response, body.max_tokens > 1000 ? 'stop' : 'length')
  })
  const { engine, warnings } = await createThinkingFront(t, [upstream.url], { CONTEXT_SIZE: '16384' })
  t.match(await generate(engine), { thoughts: 'It is round.', text: 'A circle.', order: ['thought', 'token', 'done'] })
  t.same(upstream.asked.map(({ body }) => body.max_tokens), [100, 4196])
  t.match(upstream.asked[1]!.body, { thinking_budget: 4096, chat_template_kwargs: { enable_thinking: false } })
  t.match(warnings(), [{ msg: 'upstream thinks although thinking is off' }])
  await generate(engine)
  t.same(upstream.asked.map(({ body }) => body.max_tokens), [100, 4196, 4196], 'the next request has room at once')
  await generate(engine, { thinkingTokens: 20 })
  t.match(upstream.asked[3]!.body, {
    max_tokens: 4196, thinking_budget: 20, chat_template_kwargs: { enable_thinking: true }
  }, 'no answer could be had by closing such thoughts')
  t.equal(warnings().length, 1)
  await closed(upstream)
})

t.test('an upstream that never ends its thoughts is an error', async t => {
  const upstream = await startScripted(t, response => thinkOn(response))
  const { engine, warnings } = await createThinkingFront(t, [upstream.url], { CONTEXT_SIZE: '512' })
  await t.rejects(generate(engine, { thinkingTokens: 50 }), { code: 'ENGINE_ERROR' })
  t.equal(upstream.asked.length, 3, 'as requested, without thoughts, with room for thoughts')
  t.same(warnings().map(({ msg }) => msg), [
    'upstream asked again without thoughts', 'upstream thinks although thinking is off',
    'upstream thought without an answer'
  ])
  await t.rejects(generate(engine), { code: 'ENGINE_ERROR' })
  t.equal(upstream.asked.length, 4, 'later requests try once')
  t.equal(warnings().length, 4, 'each failure is logged')
  await closed(upstream)
})

t.test('an answer that a reasoning parser takes for thoughts is an answer', async t => {
  const upstream = await startScripted(t, response => {
    const send = stream(response)
    for (const word of ['A ', 'circle.']) send(thought(word))
    finish(send, response, 'stop', { completion_tokens: 3 })
  })
  const { engine } = await createThinkingFront(t, [upstream.url])
  t.match(await generate(engine), {
    text: 'A circle.', done: { usage: { thinkingTokens: 0, completionTokens: 3 } }
  })
})

t.test('an upstream that is full when it is asked again is replaced by another', async t => {
  const full = await startScripted(t, (response, asked) => isOn(asked) ? thinkOn(response) : refuse(429, '')(response))
  const free = await startScripted(t, (response, asked) => isOn(asked) ? thinkOn(response) : say(response, 'Here.'))
  const { engine } = await createThinkingFront(t, [full.url, free.url])
  const texts = []
  for (let i = 0; i < 6; i++) {
    const turns = [{ role: 'user' as const, parts: [{ type: 'text' as const, text: `Hi ${i}` }] }]
    texts.push((await generate(engine, { turns, thinkingTokens: 20 })).text)
  }
  t.same(texts, Array(6).fill('Here.'))
  t.ok(full.asked.some(isOn) && full.asked.some(asked => !isOn(asked)))
  for (const upstream of [full, free]) await closed(upstream)
})

t.test('an abort frees the upstream in each phase', async t => {
  const leave = new Error('left')
  /** Aborts when `when` is true for an event or a request. */
  async function abortWhen (
    answer: (response: ServerResponse, asked: ReceivedRequest, abort: () => void) => void, abortAt?: string
  ): Promise<void> {
    const aborting = new AbortController()
    const abort = () => aborting.abort(leave)
    const upstream = await startScripted(t, (response, asked) => answer(response, asked, abort))
    const { engine } = await createThinkingFront(t, [upstream.url])
    await t.rejects(async () => {
      for await (const event of engine.generate(question({ thinkingTokens: 30 }), aborting.signal)) {
        if (event.type === abortAt) abort()
      }
    }, { message: 'left' })
    await closed(upstream)
  }
  await abortWhen(thinkOn, 'thought')
  await abortWhen((response, asked, abort) => isOn(asked) ? thinkOn(response) : abort())
  await abortWhen((response, asked) => {
    if (isOn(asked)) return thinkOn(response)
    stream(response)(delta('A circle'))
  }, 'token')
})

t.test('a consumer that stops reading frees the upstream', async t => {
  const upstream = await startScripted(t, response => thinkOn(response))
  const { engine } = await createThinkingFront(t, [upstream.url])
  for await (const event of engine.generate(question({ thinkingTokens: 3000 }), new AbortController().signal)) {
    if (event.type === 'thought') break
  }
  await closed(upstream)
  t.equal(upstream.asked.length, 1)
})
