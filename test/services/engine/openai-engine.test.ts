import { readFileSync } from 'node:fs'
import path from 'node:path'
import OpenAI from 'openai'
import type { ChatCompletionMessageParam } from 'openai/resources/chat/completions'
import sharp from 'sharp'
import t from 'tap'
import { DEMO } from '../../../models/presets.ts'
import { ROOT } from '../../../config/root.ts'
import { longQuestion, streamLong, wordsIn } from '../../clients/clients.ts'
import { withChatTemplate } from '../../../tools/lib/gguf.ts'
import {
  ask, askJson, askStream, createForm, createTestEngine, drawShape, post, startService, type Reply
} from '../../helper.ts'
import { startFront } from './upstream/front.ts'

// The upstream is another service with the embedded model, so that the answers are known word for word.
const engine = await createTestEngine(t)
const upstream = await startService(t, {}, engine)
const front = await startFront(t, [upstream.url])
const red = await drawShape('circle', 'red', 'white')
const blue = await drawShape('square', 'blue', 'yellow', 300)

/** Removes the fields that differ between runs. */
const constant = ({ request_id: _id, timings: _timings, usage, images, ...rest }: Reply['body']) => ({
  ...rest,
  usage: { ...usage, cached_tokens: 0 },
  images: images.map(({ cached: _cached, ...receipt }) => receipt)
})

t.test('answers, receipts and token counts equal those of the upstream\'s model', async t => {
  t.match(front.engine.info(), {
    state: 'ready', model: engine.info().model, device: 'upstream', pid: null, restarts: 0
  })
  const turned =
    await sharp(blue).resize(260, 190, { fit: 'fill' }).jpeg().withExif({ IFD0: { Orientation: '6' } }).toBuffer()
  const cases: Array<[string, Buffer[]]> = [
    ['Hi', []],
    ['What is in the picture?', [red]],
    ['Describe the images.', [red, blue]],
    ['Which picture has a yellow background?', [blue, red, blue]],
    ['What is in the picture?', [turned]]
  ]
  for (const [message, images] of cases) {
    const here = await ask(upstream.url, { message, temperature: '0' }, images)
    const there = await ask(front.url, { message, temperature: '0' }, images)
    t.equal(there.status, 200)
    t.same(constant(there.body), constant(here.body), message)
  }
  await front.quiet()
  await upstream.quiet()
})

t.test('system prompt, sampling, seed and stop strings reach the model', async t => {
  const both = async (fields: Record<string, string | string[]>) => {
    const [here, there] = [await ask(upstream.url, fields, [red]), await ask(front.url, fields, [red])]
    t.match(
      there.body, { response: here.body.response, finish_reason: here.body.finish_reason }, JSON.stringify(fields)
    )
    return there.body
  }
  const message = 'What is in the picture?'
  await both({ message, system: 'You count corners.' })
  for (const seed of ['1', '2', '3']) await both({ message, temperature: '2', top_p: '1', top_k: '0', seed })
  await both({
    message, temperature: '1.5', top_p: '0.8', top_k: '20', min_p: '0.05', repeat_penalty: '1.3', seed: '7'
  })
  t.equal((await both({ message, temperature: '0', stop: ['on a'] })).response, 'A red circle ')
  t.match(await both({ message, temperature: '0', max_tokens: '3' }), {
    finish_reason: 'length', usage: { completion_tokens: 3 }
  })
})

t.test('a conversation continues with the ids of its images, which the service keeps', async t => {
  const { id } = (await ask(front.url, { message: 'Hi' }, [blue])).body.images[0]!
  const followUp = {
    message: 'What is the colour of the background?',
    history: JSON.stringify([
      { role: 'user', content: 'What is in the picture?', images: [id] },
      { role: 'assistant', content: 'A blue square on a yellow background.' }
    ])
  }
  const { body } = await ask(front.url, followUp)
  t.equal(body.response, 'The background is yellow.')
  t.ok(body.usage.image_tokens > 0)
  t.equal(
    (await ask(front.url, { message: 'Hi' }, [blue])).body.images[0]!.cached, true,
    'an image that is sent again is not prepared again'
  )
  const { model, caches } =
    await (await fetch(`${front.url}/api/status`)).json() as Record<string, Record<string, unknown>>
  t.match([model, caches], [{ device: 'upstream' }, { images: 3 }])
  t.ok(Number(caches!.image_bytes) > 1000 && Number(caches!.image_bytes) < 20_000, 'compressed')

  const forgetful = await startFront(t, [upstream.url], { IMAGE_CACHE_MB: '0' })
  await ask(forgetful.url, { message: 'Hi' }, [blue])
  t.match(await ask(forgetful.url, followUp), { status: 410, body: { code: 'IMAGE_EXPIRED', ids: [id] } })
  t.equal(
    (await ask(forgetful.url, followUp, [], [blue])).body.response, 'The background is yellow.',
    'the images can be sent again'
  )
})

t.test('images belong to their client, although the upstream has one client only', async t => {
  const locked = await startFront(t, [upstream.url], { API_KEYS: 'key-of-ann-0123456789,key-of-bob-0123456789' })
  const askAs = (name: string, fields: Record<string, string>, images: Buffer[] = []) =>
    post(locked.url, {
      body: createForm(fields, images), headers: { authorization: `Bearer key-of-${name}-0123456789` }
    })
  const { id } = (await askAs('ann', { message: 'Hi' }, [blue])).body.images[0]!
  const followUp = {
    message: 'What is the colour of the background?',
    history: JSON.stringify([{ role: 'user', content: 'Hi', images: [id] }, { role: 'assistant', content: 'Hi' }])
  }
  t.equal((await askAs('ann', followUp)).status, 200)
  t.match(await askAs('bob', followUp), { status: 410, body: { ids: [id] } })
})

t.test('an answer is streamed token by token', async t => {
  const { events, text } = await askStream(front.url, { message: 'Describe the images.' }, [red, blue])
  t.equal(text, (await ask(upstream.url, { message: 'Describe the images.' }, [red, blue])).body.response)
  t.equal(events.at(-1)!.event, 'done')
  const long = await streamLong(front.url, 300)
  t.equal(wordsIn(long.text), 300)
  t.ok(long.events.filter(it => it === 'token').length > 100, 'token by token')
})

t.test('a schema is sent to the upstream, which enforces it', async t => {
  const fields = { ...longQuestion(5), message: 'Hi' }
  t.same(JSON.parse((await askJson(front.url, fields)).body.response), Array(5).fill('word'))
  t.same(JSON.parse((await ask(
    front.url, { message: 'Answer as JSON.', response_format: '{"type":"json_object"}' }, [red]
  )).body.response), { shape: 'circle', color: 'red' })
  t.match(await askJson(front.url, {
    ...fields, response_format: { type: 'json_schema', json_schema: { name: 'x', schema: { not: {} } } }
  }), { status: 400, body: { code: 'UNSUPPORTED_SCHEMA' } })
})

t.test('tool calls are returned as calls, and their results reach the model', async t => {
  const file = path.join(t.testdir(), 'tools.gguf')
  withChatTemplate(path.join(ROOT, DEMO.model), file, readFileSync(path.join(ROOT, 'test/tool-template.jinja'), 'utf8'))
  const able = await startService(
    t, {}, await createTestEngine(t, { model: file, mmproj: path.join(ROOT, DEMO.mmproj), threads: 1 })
  )
  const via = await startFront(t, [able.url])
  const { model } = via.engine.info()
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
  const halt = {
    type: 'function' as const,
    function: { name: 'halt', parameters: { type: 'object', properties: {}, additionalProperties: false } }
  }
  const messages: ChatCompletionMessageParam[] = [{ role: 'user', content: 'Mark it' }]
  const [here, there] =
    [able, via].map(({ url }) => new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0 }))
  const first = async (client: OpenAI, rest: object, all = messages) => (await client.chat.completions.create({
    model, messages: all, temperature: 0, max_tokens: 200, tools: [mark, halt], ...rest
  })).choices[0]!

  for (const name of ['mark', 'halt']) {
    const choice = await first(there!, { tool_choice: { type: 'function', function: { name } } })
    t.match(choice, { finish_reason: 'tool_calls', message: { content: null, tool_calls: [{ function: { name } }] } })
  }
  const { message } = await first(there!, { tools: [mark], tool_choice: 'required' })
  const call = message.tool_calls![0]!
  t.same(call.type === 'function' && JSON.parse(call.function.arguments), { tag: '<b>' })
  const result: ChatCompletionMessageParam[] =
    [...messages, message, { role: 'tool', tool_call_id: call.id, content: 'done' }]
  const [answerHere, answerThere] = [await first(here!, {}, result), await first(there!, {}, result)]
  t.same(answerThere.message, answerHere.message, 'the model gets the same prompt')

  const unable = new OpenAI({ baseURL: `${front.url}/v1`, apiKey: 'none', maxRetries: 0 })
  await t.rejects(first(unable, { model: front.engine.info().model }), { status: 400, code: 'TOOLS_NOT_SUPPORTED' })
})
