import type { RequestListener, ServerResponse } from 'node:http'
import t from 'tap'
import { createDeferred } from '../../../services/deferred.ts'
import { delta, finish, refuse, say, startScripted, stream, thought, type ReceivedRequest } from './upstream/front.ts'
import { createThinkingFront, generate, question } from './upstream/generate.ts'

/** Answers with thoughts in a field and a text, each in pieces of one word. */
function think (
  response: ServerResponse, thoughts: string, text: string, usage: object | null = null, field?: string
): void {
  const send = stream(response)
  for (const piece of thoughts.match(/\s*\S+/g) ?? []) send(thought(piece, field))
  for (const piece of text.match(/\s*\S+/g) ?? []) send(delta(piece))
  finish(send, response, 'stop', usage ?? undefined)
}

/** The list of models of another Sightline. */
const models: RequestListener = (_request, response) => {
  response.end(JSON.stringify({ data: [{ id: 'tiny', owned_by: 'sightline' }] }))
}

const isOn = ({ body }: ReceivedRequest): boolean => body.chat_template_kwargs?.enable_thinking === true
/** Thinks if it is asked to, as models with a switch do. */
const obedient = (thoughts: string, usage?: object) => (response: ServerResponse, asked: ReceivedRequest) =>
  isOn(asked) ? think(response, thoughts, 'A circle.', usage) : say(response, 'A circle.')

t.test('thoughts are read from each field for them, and once if two fields have them', async t => {
  const both = (text: string) => ({ choices: [{ index: 0, delta: { reasoning_content: text, reasoning: text } }] })
  for (const piece of [(text: string) => thought(text), (text: string) => thought(text, 'reasoning'), both]) {
    const upstream = await startScripted(t, response => {
      const send = stream(response)
      send(piece('It is'))
      send(piece(' round.\n'))
      send(delta('\n\nA circle.'))
      finish(send, response, 'stop')
    })
    const { engine } = await createThinkingFront(t, [upstream.url])
    t.match(await generate(engine, { thinkingTokens: 100 }), {
      thoughts: 'It is round.', text: 'A circle.', order: ['thought', 'token', 'done']
    })
  }
})

t.test('thinking is off unless the request wants it, and budgets have the names of all servers', async t => {
  const upstream = await startScripted(t, obedient('It is round.'))
  const { engine, warnings } = await createThinkingFront(t, [upstream.url])
  t.equal(engine.info().thinking, 'optional')
  t.match(await generate(engine, { maxTokens: 70 }), { thoughts: '', text: 'A circle.', order: ['token', 'done'] })
  t.match(await generate(engine, { maxTokens: 70, thinkingTokens: 50 }), {
    thoughts: 'It is round.', text: 'A circle.'
  })
  const [off, on] = upstream.asked.map(({ body }) => body)
  t.same(off.chat_template_kwargs, { enable_thinking: false })
  t.same([off.max_tokens, off.stream_options], [70, { include_usage: true }])
  t.same(Object.keys(off).filter(name => /thinking|effort|custom/.test(name)), [])
  t.match(on, {
    max_tokens: 120,
    chat_template_kwargs: { enable_thinking: true },
    thinking_budget_tokens: 50,
    thinking_token_budget: 50,
    thinking_budget: 50,
    custom_params: { thinking_budget: 50 },
    stream_options: { include_usage: true, continuous_usage_stats: true }
  })
  t.notOk('reasoning_effort' in on)
  t.same(warnings(), [])
})

t.test('thought tokens are those that the upstream reports, or a share of its sum, or an estimate', async t => {
  const cases: Array<[string, object | undefined, [number, number]]> = [
    ['OpenAI, Sightline', { completion_tokens: 30, completion_tokens_details: { reasoning_tokens: 21 } }, [21, 9]],
    ['SGLang', { completion_tokens: 30, reasoning_tokens: 21 }, [21, 9]],
    ['wrong', { completion_tokens: 30, completion_tokens_details: { reasoning_tokens: 40 } }, [40, 0]],
    ['llama-server: 3 of 5 deltas are thoughts', { completion_tokens: 10 }, [6, 4]],
    ['reports no thoughts', { completion_tokens: 10, completion_tokens_details: { reasoning_tokens: 0 } }, [6, 4]]
  ]
  for (const [name, usage, expected] of cases) {
    const upstream = await startScripted(t, obedient('It is round.', usage))
    const { engine } = await createThinkingFront(t, [upstream.url])
    const { done: { usage: { thinkingTokens, completionTokens } } } = await generate(engine, { thinkingTokens: 100 })
    t.same([thinkingTokens, completionTokens], expected, name)
  }
  const silent = await startScripted(t, obedient('It is round.'))
  const { engine } = await createThinkingFront(t, [silent.url])
  const { done: { usage } } = await generate(engine, { thinkingTokens: 100 })
  t.ok(usage.thinkingTokens >= 3 && usage.thinkingTokens <= 6, String(usage.thinkingTokens))
  t.ok(usage.completionTokens >= 2 && usage.completionTokens <= 5, String(usage.completionTokens))
})

t.test('the time of thoughts ends with the first token of the answer', async t => {
  const thought1 = createDeferred<void>()
  const upstream = await startScripted(t, async response => {
    const send = stream(response)
    send(thought('Hm'))
    await thought1.promise
    send(delta('Yes'))
    finish(send, response, 'stop')
  })
  const { engine } = await createThinkingFront(t, [upstream.url])
  const times: Record<string, number> = { start: performance.now() }
  let timings
  for await (const event of engine.generate(question({ thinkingTokens: 100 }), new AbortController().signal)) {
    times[event.type] = performance.now()
    if (event.type === 'thought') setTimeout(thought1.resolve, 50)
    if (event.type === 'done') timings = event.timings
  }
  const { thinkingMs, prefillMs, decodeMs, ttftMs } = timings!
  const between = (ms: number, low: number, high: number) => ms > low - 1 && ms < high + 1
  t.ok(between(thinkingMs, 49, times.token! - times.thought! + 5), `thoughts ${thinkingMs} ms`)
  t.ok(between(ttftMs, prefillMs, times.thought! - times.start!), `first thought after ${ttftMs} ms`)
  t.ok(decodeMs < thinkingMs + 49, `answer ${decodeMs} ms`)
})

t.test('thoughts that arrive after text are dropped, so that thoughts come first', async t => {
  const upstream = await startScripted(t, response => {
    const send = stream(response)
    for (const part of [delta('\n'), thought('First.'), delta('A '), thought('Late.'), delta('circle.')]) send(part)
    finish(send, response, 'stop')
  })
  const { engine } = await createThinkingFront(t, [upstream.url])
  t.match(await generate(engine, { thinkingTokens: 100 }), {
    thoughts: 'First.', text: 'A circle.', order: ['thought', 'token', 'done']
  })
})

t.test('the answer keeps its limit although max_tokens includes thoughts', async t => {
  const words = Array.from({ length: 40 }, (_, i) => ` w${i}`)
  const upstream = await startScripted(t, response => think(response, 'Hm hm hm.', words.join('')))
  const { engine } = await createThinkingFront(t, [upstream.url])
  const { text, done, thoughts } = await generate(engine, { thinkingTokens: 100, maxTokens: 10 })
  t.equal(thoughts, 'Hm hm hm.')
  t.equal(text, words.slice(0, 10).join('').trim())
  t.match(done, { finishReason: 'length', usage: { thinkingTokens: 3, completionTokens: 10 } })
  const exact = await startScripted(t, response => think(response, 'Hm.', words.slice(0, 10).join('')))
  const { engine: other } = await createThinkingFront(t, [exact.url])
  t.match(await generate(other, { thinkingTokens: 100, maxTokens: 10 }), { done: { finishReason: 'stop' } })
})

t.test('upstreams that report tokens in each chunk are counted exactly', async t => {
  const upstream = await startScripted(t, response => {
    const send = stream(response)
    for (const [at, part] of [thought('Hm.'), delta('A '), delta('circle '), delta('in red.')].entries()) {
      send({ ...part, usage: { prompt_tokens: 9, completion_tokens: 5 * (at + 1) } })
    }
    finish(send, response, 'stop')
  })
  const { engine } = await createThinkingFront(t, [upstream.url])
  const { text, done } = await generate(engine, { thinkingTokens: 100, maxTokens: 10 })
  t.equal(text, 'A circle ')
  t.match(done, {
    finishReason: 'length', usage: { promptTokens: 9, thinkingTokens: 5, completionTokens: 10 }
  })
})

t.test('an answer that is cut has the tokens that the upstream reported for its text', async t => {
  const upstream = await startScripted(t, response => {
    const send = stream(response)
    for (const [at, part] of [thought('Hm.'), delta('A '), delta('circle '), delta('in red.')].entries()) {
      send({ ...part, usage: { prompt_tokens: 9, completion_tokens: 4 * (at + 1) } })
    }
    finish(send, response, 'stop')
  })
  const { engine } = await createThinkingFront(t, [upstream.url])
  t.match(await generate(engine, { thinkingTokens: 100, maxTokens: 10 }), {
    text: 'A circle ', done: { finishReason: 'length', usage: { thinkingTokens: 4, completionTokens: 8 } }
  })
})

t.test('another Sightline gets the limits of thoughts and answer apart, and keeps them itself', async t => {
  const words = Array.from({ length: 20 }, (_, i) => ` w${i}`)
  const usage = { prompt_tokens: 9, completion_tokens: 23, completion_tokens_details: { reasoning_tokens: 3 } }
  const upstream = await startScripted(t, response => think(response, 'Hm hm hm.', words.join(''), usage), models)
  const { engine, warnings } = await createThinkingFront(t, [upstream.url])
  for (const thinkingTokens of [0, 1]) {
    t.match(await generate(engine, { thinkingTokens, maxTokens: 10 }), {
      thoughts: 'Hm hm hm.',
      text: words.join('').trim(),
      done: { finishReason: 'stop', usage: { promptTokens: 9, thinkingTokens: 3, completionTokens: 20 } }
    })
  }
  const [off, on] = upstream.asked.map(({ body }) => body)
  const same = { max_tokens: 10, stream_options: { include_usage: true } }
  t.match(off, { ...same, chat_template_kwargs: { enable_thinking: false } })
  t.match(on, { ...same, chat_template_kwargs: { enable_thinking: true }, thinking_budget: 1 })
  t.same(Object.keys(on).filter(name => !(name in off)), ['thinking_budget'])
  t.same(warnings(), [])

  const empty = await startScripted(t, response => {
    const send = stream(response)
    send(thought('Hm.'))
    finish(send, response, 'length', usage)
  }, models)
  const { engine: other } = await createThinkingFront(t, [empty.url])
  t.match(await generate(other, { thinkingTokens: 9 }), { thoughts: 'Hm.', text: '', done: { finishReason: 'length' } })
  t.equal(empty.asked.length, 1, 'its answer can be empty')
})

t.test('thoughts leave room for the answer in the context', async t => {
  const upstream = await startScripted(t, obedient('Hm.'))
  const { engine } = await createThinkingFront(t, [upstream.url], { CONTEXT_SIZE: '1000' })
  await generate(engine, { thinkingTokens: 5000, maxTokens: 100 })
  await generate(engine, { thinkingTokens: 5000, maxTokens: 900 })
  const [small, large] = upstream.asked.map(({ body }) => body)
  t.ok(small.max_tokens > 900 && small.max_tokens < 1000, String(small.max_tokens))
  t.equal(small.thinking_budget, small.max_tokens - 100)
  t.equal(large.max_tokens, small.max_tokens)
  t.equal(large.thinking_budget, Math.floor(large.max_tokens / 2))

  const full = await startScripted(t, (response, { body }) => body.max_tokens > 96
    ? refuse(400, {
      error: { message: 'max_tokens is too large. The maximum context length is 1000 and you have 903 input tokens' }
    })(response)
    : say(response, 'Just so.'))
  const { engine: other } = await createThinkingFront(t, [full.url])
  t.equal((await generate(other, { thinkingTokens: 5000, maxTokens: 60 })).text, 'Just so.')
  t.match(full.asked[1]!.body, { max_tokens: 96, thinking_budget: 48 })
})
