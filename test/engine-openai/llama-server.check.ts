import { readFileSync } from 'node:fs'
import path from 'node:path'
import OpenAI from 'openai'
import type { ChatCompletionMessageParam } from 'openai/resources/chat/completions'
import t from 'tap'
import { freePort } from '../../tools/bench/lib/processes.ts'
import { readExamples } from '../../tools/evaluation/examples.ts'
import { ROOT } from '../../config/root.ts'
import { longQuestion, median, streamLong, wordsIn } from '../clients/clients.ts'
import {
  ask, askJson, askStream, createTestEngine, drawShape, EXAMPLES, startService, type TestService
} from '../helper.ts'
import { until } from '../server-process.ts'
import { createUnreadyEngine, startFront } from '../services/engine/upstream/front.ts'
import { begin, toEnd } from '../services/engine/upstream/long-answers.ts'
import { CONTEXT_SIZE, program, startLlamaServer, untilWorking, working } from './llama-server.ts'
import { testThinking } from './thinking.ts'

// `npm run check:llama-server` tests ENGINE=openai with llama.cpp's own server. Not part of `npm test`, because its
// build takes minutes.
if (program === null) {
  console.error('llama-server is not built: run "QUICK=1 npm run bench:llama-server" first')
  process.exit(1)
}
t.setTimeout(600_000)

const examples = readExamples(EXAMPLES).map(({ pictures, turns: [turn] }) =>
  ({ question: turn!.message, images: pictures.map(name => readFileSync(path.join(EXAMPLES, name))) }))
const local = await startService(t, { CONTEXT_SIZE: String(CONTEXT_SIZE) }, await createTestEngine(t))
const llama = await startLlamaServer(t)
const front = await startFront(t, [llama.url])
const red = await drawShape('circle', 'red', 'white')
const blue = await drawShape('square', 'blue', 'yellow', 300)
const two = examples.find(({ images }) => images.length === 2)!

const idle = async (service: TestService) => {
  await service.quiet()
  await untilWorking(llama.url, 0)
}

t.test('answers, receipts and token counts equal those of the local engine', async t => {
  for (const example of examples) {
    const [here, there] = [
      await ask(local.url, { message: example.question, temperature: '0' }, example.images),
      await ask(front.url, { message: example.question, temperature: '0' }, example.images)
    ]
    t.equal(there.status, 200, example.question)
    t.equal(there.body.response, here.body.response, `${example.question} ${here.body.response}`)
    t.same(there.body.images, here.body.images)
    const { prompt_tokens: prompt, image_tokens: image, completion_tokens: completion } = here.body.usage
    // llama-server also counts the token that ends the answer.
    t.match(there.body, {
      finish_reason: 'stop', usage: { prompt_tokens: prompt, image_tokens: image, completion_tokens: completion + 1 }
    })
  }
  await idle(front)
})

t.test('clients see the name of the model, not the path of its file', async t => {
  const { data } = await (await fetch(`${llama.url}/v1/models`)).json() as { data: Array<{ id: string }> }
  t.comment(data[0]!.id)
  t.equal(front.engine.info().model, 'tiny-qwen2-vl-q8_0')
})

t.test('tokens arrive one by one', async t => {
  const { status, events, text } = await askStream(front.url, { message: two.question, temperature: '0' }, two.images)
  t.equal(status, 200)
  t.equal(text, (await ask(local.url, { message: two.question, temperature: '0' }, two.images)).body.response)
  t.same(events.filter(it => it.event !== 'token').map(it => it.event), ['accepted', 'image', 'image', 'done'])
  const long = await streamLong(front.url, 300)
  const tokens = long.events.filter(it => it === 'token').length
  t.equal(wordsIn(long.text), 300)
  t.ok(tokens > 300, `${tokens} events with text`)
  t.ok(
    Math.max(...long.gaps) < long.ms / 4,
    `${(long.ms / 1000).toFixed(1)} s, gaps ${median(long.gaps).toFixed(1)} ms in the median`
  )
})

t.test('a client that leaves frees the slot of llama-server', async t => {
  const left = new AbortController()
  await begin(front.url, left.signal)
  await untilWorking(llama.url, 1)
  left.abort()
  const ms = await untilWorking(llama.url, 0)
  t.ok(ms < 2000, `idle ${ms.toFixed(0)} ms later`)
  await front.quiet()
})

t.test('a request that exceeds its deadline frees the slot of llama-server', async t => {
  const hasty = await startFront(t, [llama.url], { REQUEST_TIMEOUT: '1.5' })
  t.match(await askJson(hasty.url, longQuestion(1200)), { status: 504, body: { code: 'TIMEOUT' } })
  t.ok(await untilWorking(llama.url, 0) < 2000)
})

t.test('requests beyond the slots of llama-server are answered', async t => {
  const wide = await startFront(t, [llama.url], { MAX_CONCURRENT_REQUESTS: '5' })
  const answers = await Promise.all(Array.from({ length: 5 }, (_, i) =>
    ask(wide.url, { message: 'What is in the picture?', temperature: '0' }, [i % 2 ? red : blue])))
  t.same(
    answers.map(({ body }) => body.response),
    answers.map((_, i) => i % 2 ? 'A red circle on a white background.' : 'A blue square on a yellow background.')
  )
  await idle(wide)
})

t.test('a schema is enforced, and boxes are in pixels of the original', async t => {
  t.same(JSON.parse((await askJson(front.url, longQuestion(5))).body.response), Array(5).fill('word'))
  const points = [{ bbox_2d: [14, 28, 56, 70], label: 'door' }]
  const format = { type: 'json_schema', json_schema: { name: 'boxes', schema: { const: points } } }
  const { body } = await ask(
    front.url, { message: 'Where is the door?', temperature: '0', response_format: JSON.stringify(format) }, [blue]
  )
  t.same(JSON.parse(body.response), points)
  const { original, sent } = body.images[0]!
  t.same([original.width, sent.width < 300], [300, true])
  const expected =
    [14, 28, 56, 70].map((place, i) => place * (i % 2 ? original.height / sent.height : original.width / sent.width))
  t.ok(body.boxes[0]!.box.every((place, i) => Math.abs(place - expected[i]!) < 0.01), JSON.stringify(body.boxes))
  t.match((await askJson(front.url, {
    message: 'Hi', temperature: 0, max_tokens: 20, response_format: { type: 'json_object' }
  })).body.response, /^\s*\{/)
})

t.test('a conversation continues with the ids of its images', async t => {
  const { id } = (await ask(front.url, { message: 'Hi' }, [blue])).body.images[0]!
  const history = JSON.stringify([
    { role: 'user', content: 'What is in the picture?', images: [id] },
    { role: 'assistant', content: 'A blue square on a yellow background.' }
  ])
  const { body } = await ask(front.url, { message: 'What is the colour of the background?', history, temperature: '0' })
  t.equal(body.response, 'The background is yellow.')
})

t.test('system prompt, sampling and stop strings reach the model', async t => {
  const fields = { message: 'What is in the picture?', temperature: '0' }
  t.equal((await ask(front.url, { ...fields, stop: ['on a'] }, [red])).body.response.trim(), 'A red circle')
  t.match((await ask(front.url, { ...fields, max_tokens: '3' }, [red])).body, {
    finish_reason: 'length', usage: { completion_tokens: 3 }
  })
  const system = { ...fields, system: 'You count corners.' }
  t.equal((await ask(front.url, system, [red])).body.response, (await ask(local.url, system, [red])).body.response)
  const seeded =
    { ...fields, temperature: '1.8', top_p: '0.9', top_k: '30', min_p: '0.02', repeat_penalty: '1.1', seed: '7' }
  t.equal(
    (await ask(front.url, seeded, [red])).body.response, (await ask(front.url, seeded, [red])).body.response,
    'the same seed gives the same answer'
  )
})

t.test('/v1/chat/completions', async t => {
  const client = new OpenAI({ baseURL: `${front.url}/v1`, apiKey: 'none', maxRetries: 0 })
  const url = (png: Buffer) =>
    ({ type: 'image_url' as const, image_url: { url: `data:image/png;base64,${png.toString('base64')}` } })
  const request = {
    model: front.engine.info().model,
    temperature: 0,
    messages: [
      { role: 'user' as const, content: [url(red), url(blue), { type: 'text' as const, text: 'Describe the images.' }] }
    ]
  }
  const expected = 'Picture 1: a red circle on a white background. Picture 2: a blue square on a yellow background.'
  const whole = await client.chat.completions.create(request)
  t.match(whole, { choices: [{ finish_reason: 'stop', message: { content: expected } }] })
  let text = ''
  let chunks = 0
  for await (const chunk of await client.chat.completions.create({ ...request, stream: true })) {
    text += chunk.choices[0]?.delta.content ?? ''
    chunks++
  }
  t.equal(text, expected)
  t.ok(chunks > 10)
})

t.test('tools, calls and their results are part of the prompt', async t => {
  const able =
    await startLlamaServer(t, { args: ['--chat-template-file', path.join(ROOT, 'test/tool-template.jinja')] })
  const via = await startFront(t, [able.url])
  const client = new OpenAI({ baseURL: `${via.url}/v1`, apiKey: 'none', maxRetries: 0 })
  const mark = {
    type: 'function' as const,
    function: {
      name: 'mark',
      description: 'Marks',
      parameters: {
        type: 'object', properties: { tag: { const: '<b>' } }, required: ['tag'], additionalProperties: false
      }
    }
  }
  const promptTokens = async (rest: object, more: ChatCompletionMessageParam[] = []) => {
    const { usage } = await client.chat.completions.create({
      model: via.engine.info().model,
      temperature: 0,
      max_tokens: 5,
      messages: [{ role: 'user', content: 'Mark it' }, ...more],
      ...rest
    })
    return usage!.prompt_tokens
  }
  const bare = await promptTokens({})
  const offered = await promptTokens({ tools: [mark] })
  // llama-server allows text before a required call, so the embedded model never makes the call.
  const required = await promptTokens({ tools: [mark], tool_choice: 'required' })
  const called = await promptTokens({ tools: [mark] }, [
    {
      role: 'assistant',
      content: null,
      tool_calls: [{ id: 'call_0', type: 'function', function: { name: 'mark', arguments: '{"tag":"<b>"}' } }]
    },
    { role: 'tool', tool_call_id: 'call_0', content: 'done' }
  ])
  t.ok(
    offered > bare + 100 && required === offered && called > offered + 20,
    `${bare}, ${offered}, ${required} and ${called} tokens`
  )
})

t.test('a prompt that does not fit is reported with the counts of llama-server', async t => {
  const generous = await startFront(t, [llama.url], { CONTEXT_SIZE: '32768' })
  const refused = await askJson(generous.url, { message: 'word '.repeat(6000), temperature: 0 })
  t.match(refused, {
    status: 413, body: { code: 'PROMPT_TOO_LONG', error: /needs \d{4,} tokens; the context window has 4096/ }
  })
  t.comment(refused.body.error)
  const tight = await askJson(generous.url, { message: 'What is 1?', temperature: 0, max_tokens: 30_000 })
  t.equal(tight.status, 200, 'max_tokens above the context size is not an error')
  await idle(generous)
})

t.test('a wrong ENGINE_API_KEY is logged', async t => {
  const locked = await startLlamaServer(t, { args: ['--api-key', 'sk-right'] })
  const right = await startFront(t, [locked.url], { ENGINE_API_KEY: 'sk-right' })
  t.equal(
    (await ask(right.url, { message: 'What is in the picture?', temperature: '0' }, [red])).body.response,
    'A red circle on a white background.'
  )
  const { engine, lines } = createUnreadyEngine(t, [locked.url], { ENGINE_API_KEY: 'sk-wrong' })
  await until(() => lines.length > 0)
  t.match(lines[0], { msg: 'upstream not ready', reason: 'it refuses ENGINE_API_KEY' })
  t.equal(engine.info().state, 'starting')
})

t.test('one of two servers is killed', async t => {
  const mortal = await startLlamaServer(t)
  const both = await startFront(t, [llama.url, mortal.url], { MAX_CONCURRENT_REQUESTS: '4' })
  const streams = [await begin(both.url), await begin(both.url)]
  t.same([await working(llama.url), await working(mortal.url)], [1, 1])
  mortal.child.kill('SIGKILL')
  const endings = await Promise.all(streams.map(async events => {
    const { event, data } = (await toEnd(events))!
    return data.code ?? event
  }))
  t.same(endings.sort(), ['ENGINE_CRASHED', 'done'])
  for (let i = 0; i < 6; i++) {
    t.equal(
      (await ask(both.url, { message: 'What is in the picture?', temperature: '0' }, [red])).body.response,
      'A red circle on a white background.'
    )
  }
  await both.quiet()
})

t.test('a server is killed during an answer and restarted', async t => {
  const port = await freePort()
  const mortal = await startLlamaServer(t, { port })
  const lone = await startFront(t, [mortal.url])
  const events = await begin(lone.url)
  mortal.child.kill('SIGKILL')
  t.match(await toEnd(events), { event: 'error', data: { code: 'ENGINE_CRASHED' } })
  await lone.quiet()
  t.match(await ask(lone.url, { message: 'Hi' }), {
    status: 503, body: { code: 'ENGINE_NOT_READY', error: /the model server cannot be reached/ }
  })
  await startLlamaServer(t, { port })
  await until(() => lone.engine.info().state === 'ready', () => lone.engine.info().reason.en)
  t.equal(
    (await ask(lone.url, { message: 'What is in the picture?', temperature: '0' }, [red])).body.response,
    'A red circle on a white background.'
  )
})

t.test('a server is suspended', async t => {
  const still = await startLlamaServer(t)
  const hasty = await startFront(t, [still.url], { REQUEST_TIMEOUT: '2' })
  still.child.kill('SIGSTOP')
  t.match(await ask(hasty.url, { message: 'Hi' }), { status: 504, body: { code: 'TIMEOUT' } })
  still.child.kill('SIGCONT')
  await untilWorking(still.url, 0)
  t.equal((await ask(hasty.url, { message: 'What is in the picture?', temperature: '0' }, [red])).status, 200)
})

t.test('thoughts of scripted models', testThinking)
