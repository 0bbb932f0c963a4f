import type { ServerResponse } from 'node:http'
import t from 'tap'
import { createDeferred } from '../../../services/deferred.ts'
import { delta, finish, say, startScripted, stream, thought, type ReceivedRequest } from './upstream/front.ts'
import { createThinkingFront, generate, question } from './upstream/generate.ts'

// Servers without a reasoning parser, which write thoughts into the text.

const isOn = ({ body }: ReceivedRequest): boolean => body.chat_template_kwargs.enable_thinking
const byThinking = (on: string, off: string) => (response: ServerResponse, asked: ReceivedRequest) =>
  say(response, isOn(asked) ? on : off, { prompt_tokens: 40, completion_tokens: 20 })
const IN_TEXT = { msg: 'upstream sends thoughts as text', advice: 'start the server with its reasoning parser' }

t.test('thoughts in the text are separated, with and without the opening tag', async t => {
  for (const text of ['<think>\nIt is round.\n</think>\n\nA circle.', 'It is round.\n</think>\n\nA circle.']) {
    const upstream = await startScripted(t, byThinking(text, 'A circle.'))
    const { engine, warnings } = await createThinkingFront(t, [upstream.url])
    for (let i = 0; i < 2; i++) {
      const { thoughts, text, order, done } = await generate(engine, { thinkingTokens: 100 })
      t.same([thoughts, text, order], ['It is round.', 'A circle.', ['thought', 'token', 'done']])
      const { thinkingTokens, completionTokens } = done.usage
      t.equal(thinkingTokens + completionTokens, 20)
      t.ok(thinkingTokens >= 8 && completionTokens >= 4, `${thinkingTokens} + ${completionTokens}`)
    }
    t.match(warnings(), [IN_TEXT])
    t.equal(warnings().length, 1, 'logged once')
    t.match(await generate(engine), { thoughts: '', text: 'A circle.' })
  }
})

t.test('text is held back only while it can be thoughts', async t => {
  const [seen, more] = [createDeferred<void>(), createDeferred<void>()]
  const upstream = await startScripted(t, async (response, asked) => {
    const send = stream(response)
    send(delta('<think>It is'))
    if (isOn(asked)) await seen.promise
    send(delta(' round</think>A '))
    await more.promise
    send(delta('circle.'))
    finish(send, response, 'stop')
  })
  const { engine } = await createThinkingFront(t, [upstream.url])
  const events = []
  for await (const event of engine.generate(question({ thinkingTokens: 100 }), new AbortController().signal)) {
    events.push(event)
    if (event.type === 'thought') seen.resolve()
    if (event.type === 'token') more.resolve()
  }
  t.match(events, [
    { type: 'thought', text: 'It is' }, { type: 'thought', text: ' round' }, { type: 'token', text: 'A ' },
    { type: 'token', text: 'circle.' }, { type: 'done' }
  ])
})

t.test('an upstream that has sent thoughts in their field streams at once, and its tags are text', async t => {
  const more = createDeferred<void>()
  let answers = 0
  const upstream = await startScripted(t, async response => {
    const send = stream(response)
    if (answers++ === 0) send(thought('Hm.'))
    send(delta('<think>A '))
    if (answers > 1) await more.promise
    send(delta('</think>B'))
    finish(send, response, 'stop')
  })
  const { engine, warnings } = await createThinkingFront(t, [upstream.url])
  t.match(await generate(engine, { thinkingTokens: 100 }), { thoughts: 'Hm.', text: '<think>A </think>B' })
  const events = []
  for await (const event of engine.generate(question({ thinkingTokens: 100 }), new AbortController().signal)) {
    events.push(event)
    if (event.type === 'token') more.resolve()
  }
  t.match(events, [{ type: 'token', text: '<think>A ' }, { type: 'token', text: '</think>B' }, { type: 'done' }])
  t.same(warnings(), [])
})

t.test('text without tags is the answer', async t => {
  const upstream = await startScripted(t, byThinking('A red circle.', 'unused'))
  const { engine, warnings } = await createThinkingFront(t, [upstream.url])
  t.match(await generate(engine, { thinkingTokens: 100 }), {
    thoughts: '',
    text: 'A red circle.',
    done: { finishReason: 'stop', usage: { thinkingTokens: 0, completionTokens: 20 }, timings: { thinkingMs: 0 } }
  })
  t.same(warnings(), [])
  const long = await startScripted(t, byThinking('word '.repeat(60), 'unused'))
  const { engine: other } = await createThinkingFront(t, [long.url])
  const { text, done } = await generate(other, { thinkingTokens: 100, maxTokens: 20 })
  t.ok(text.length > 60 && text.length < 160, text)
  t.match(done, { finishReason: 'length', usage: { completionTokens: 20 } })
})

t.test('thoughts in the text have a budget, too', async t => {
  for (const begin of ['', '<think>']) {
    const upstream = await startScripted(t, (response, asked) => {
      const send = stream(response)
      if (isOn(asked)) {
        send(delta(begin))
        const write = () => {
          if (response.destroyed) return
          send(delta(' hm'))
          setImmediate(write)
        }
        return write()
      }
      send(delta('A circle.'))
      finish(send, response, 'stop')
    })
    const { engine, warnings } = await createThinkingFront(t, [upstream.url])
    const { thoughts, text } = await generate(engine, { thinkingTokens: 30 })
    t.match([thoughts, text], [/^hm( hm){29,70}$/, 'A circle.'])
    const again = { msg: 'upstream asked again without thoughts', reason: 'budget' }
    t.match(warnings(), begin === '' ? [again] : [IN_TEXT, again])
  }
})

t.test('an upstream that thinks when it is asked again answers behind these thoughts', async t => {
  const upstream = await startScripted(t, (response, asked) => {
    const send = stream(response)
    send(delta(isOn(asked) ? 'It is' : 'Hm.</think>A circle.'))
    finish(send, response, isOn(asked) ? 'length' : 'stop')
  })
  const { engine } = await createThinkingFront(t, [upstream.url])
  t.match(await generate(engine, { thinkingTokens: 30 }), {
    thoughts: 'It is\n\nHm.', text: 'A circle.', order: ['thought', 'token', 'done']
  })
})

t.test('tags that a user asks for are text while thinking is off', async t => {
  for (const text of ['Sure: <think>A</think>', 'A</think>B', '<think> is a tag.']) {
    const upstream = await startScripted(t, byThinking('unused', text))
    const { engine, warnings } = await createThinkingFront(t, [upstream.url])
    t.match(await generate(engine), { thoughts: '', text, order: ['token', 'done'] })
    t.equal(upstream.asked.length, 1)
    t.same(warnings(), [])
  }
})

t.test('open thoughts that max_tokens ends get room', async t => {
  const upstream = await startScripted(t, (response, { body }) => {
    const send = stream(response)
    send(delta('<think>It is round.'))
    if (body.max_tokens > 1000) send(delta('</think>A circle.'))
    finish(send, response, body.max_tokens > 1000 ? 'stop' : 'length')
  })
  const { engine } = await createThinkingFront(t, [upstream.url], { CONTEXT_SIZE: '16384' })
  for (let i = 0; i < 2; i++) {
    t.match(await generate(engine), { text: 'A circle.', order: ['thought', 'token', 'done'] })
  }
  t.same(
    upstream.asked.map(({ body }) => body.max_tokens), [100, 4196, 100, 4196],
    'tags in the text prove nothing about the upstream'
  )
})
