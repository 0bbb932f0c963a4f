import OpenAI from 'openai'
import sharp from 'sharp'
import t from 'tap'
import { ask, askJson, drawShape } from '../../helper.ts'
import { delta, listModels, say, startFront, startScripted, startScriptedFront, stream } from './upstream/front.ts'

const red = await drawShape('circle', 'red', 'white')
const photo = await sharp({ create: { width: 900, height: 1350, channels: 3, background: 'white' } }).png().toBuffer()

t.test('boxes are in pixels of the original image, in any unit of the model', async t => {
  const words = JSON.stringify([{ bbox_2d: [140, 210, 280, 420], label: 'door' }])
  const pixels = await startScriptedFront(t, response => say(response, words))
  const { body: one } = await ask(pixels.url, { message: 'Where is the door?' }, [photo])
  const { sent, tokens } = one.images[0]!
  t.same([sent.width % 28, sent.height % 28, tokens], [0, 0, sent.width * sent.height / 28 ** 2])
  t.same(
    one.boxes[0]!.box,
    [140, 210, 280, 420].map((place, i) => place * (i % 2 === 0 ? 900 / sent.width : 1350 / sent.height))
  )

  const grid = await startScriptedFront(t, response => say(response, words), { ENGINE_IMAGE_MULTIPLE: '32' })
  const { body: two } = await ask(grid.url, { message: 'Where is the door?' }, [photo])
  t.same([two.images[0]!.sent.width % 32, two.images[0]!.sent.height % 32], [0, 0])
  t.same(two.boxes[0]!.box, [140, 210, 280, 420].map((place, i) => place * (i % 2 === 0 ? 900 : 1350) / 1000))

  const url = grid.asked[0]!.body.messages[0].content[0].image_url.url as string
  const { width, height, format } = await sharp(Buffer.from(url.split(',')[1]!, 'base64')).metadata()
  t.match(
    { url, width, height, format }, { url: /^data:image\/png;base64,/, ...two.images[0]!.sent, format: 'png' },
    'the sent image has the size of the receipt'
  )

  const blind = await startScriptedFront(t, response => say(response, words), { ENGINE_IMAGE_MULTIPLE: '0' })
  t.match(await ask(blind.url, { message: 'Hi' }, [red]), { status: 422, body: { code: 'NO_VISION' } })
  t.same((await ask(blind.url, { message: 'Hi' })).body.boxes, [])
})

t.test('requests follow the OpenAI API and contain no fields that the client did not set, but one switch', async t => {
  const front = await startScriptedFront(t, response => say(response, 'Yes.'), { ENGINE_API_KEY: 'sk-upstream' })
  const history = [{ role: 'user', content: 'One' }, { role: 'assistant', content: 'Two' }]
  await askJson(front.url, {
    message: 'Three', system: 'Be short.', history, images: [`data:image/png;base64,${red.toString('base64')}`]
  })
  const { headers, body } = front.asked[0]!
  t.equal(headers.authorization, 'Bearer sk-upstream')
  t.same(Object.keys(body), ['model', 'messages', 'stream', 'stream_options', 'max_tokens', 'chat_template_kwargs'])
  t.match(body, { model: 'scripted', stream: true, max_tokens: 1024 })
  t.same(body.stream_options, { include_usage: true })
  t.same(body.chat_template_kwargs, { enable_thinking: false })
  t.same(body.messages.slice(0, 3), [{ role: 'system', content: 'Be short.' }, ...history])
  t.same(body.messages[3].content.map((part: { type: string }) => part.type), ['image_url', 'text'])

  const format =
    { type: 'json_schema', json_schema: { name: 'colour', schema: { enum: ['red', 'blue'] }, strict: true } }
  await askJson(front.url, {
    message: 'Hi', temperature: 0, top_k: 5, repeat_penalty: 1.1, seed: 3, response_format: format
  })
  t.match(front.asked[1]!.body, {
    temperature: 0, top_k: 5, repeat_penalty: 1.1, repetition_penalty: 1.1, seed: 3, response_format: format
  })
  t.notOk('grammar' in front.asked[1]!.body)
})

t.test('token counts that the upstream does not report are estimated', async t => {
  const front = await startScriptedFront(t, response => say(response, 'A red circle on a white background.', null))
  const { body } = await ask(front.url, { message: 'What is in the picture?' }, [red])
  const { tokens } = body.images[0]!
  t.match(body.usage, { image_tokens: tokens, cached_tokens: 0 })
  t.ok(
    body.usage.prompt_tokens > tokens + 10 && body.usage.prompt_tokens < tokens + 60, String(body.usage.prompt_tokens)
  )
  t.ok(body.usage.completion_tokens >= 7 && body.usage.completion_tokens < 14, String(body.usage.completion_tokens))
  const reporting = await startScriptedFront(t, response =>
    say(response, 'Yes.', { prompt_tokens: 33, completion_tokens: 2, prompt_tokens_details: { cached_tokens: 30 } }))
  t.match((await ask(reporting.url, { message: 'Hi' })).body.usage, {
    prompt_tokens: 33, completion_tokens: 2, cached_tokens: 30, image_tokens: 0
  })
})

t.test('events are read from any pieces of the stream', async t => {
  const text = 'Ein roter Kreis — 红色的圆 🔴'
  const bytes = Buffer.from(`: hello\r\n\r\nevent: x\r\ndata: ${JSON.stringify(
    delta(text)
  )}\r\n\r\ndata:${JSON.stringify(delta('', 'length'))}\n\ndata: [DONE]\n\n`)
  const front = await startScriptedFront(t, async response => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    for (const byte of bytes) {
      response.write(Buffer.of(byte))
      await new Promise(resolve => setImmediate(resolve))
    }
    response.end()
  })
  t.match((await ask(front.url, { message: 'Hi' })).body, { response: text, finish_reason: 'length' })
})

t.test('a tool call is read from pieces, after text', async t => {
  const front = await startScriptedFront(t, response => {
    const send = stream(response)
    const call = (index: number, fields: object) =>
      send({ choices: [{ index: 0, delta: { tool_calls: [{ index, ...fields }] }, finish_reason: null }] })
    send(delta('I shall. '))
    call(0, { id: 'a', type: 'function', function: { name: 'mark', arguments: '' } })
    for (const piece of ['{"tag": "</tool', '_call>"', '}']) call(0, { function: { arguments: piece } })
    call(1, { id: 'b', type: 'function', function: { name: 'mark' } })
    send({ choices: [{ index: 0, delta: {}, finish_reason: 'tool_calls' }] })
    send('[DONE]')
    response.end()
  })
  const client = new OpenAI({ baseURL: `${front.url}/v1`, apiKey: 'none', maxRetries: 0 })
  const { choices: [choice] } = await client.chat.completions.create({
    model: 'scripted',
    messages: [{ role: 'user', content: 'Hi' }],
    tools: [{ type: 'function', function: { name: 'mark' } }]
  })
  t.equal(choice!.finish_reason, 'tool_calls')
  t.match(choice!.message.content, /^I shall\./)
  t.same(choice!.message.tool_calls!.map(call => call.type === 'function' && JSON.parse(call.function.arguments)), [
    { tag: '</tool_call>' }, {}
  ])
  t.match(front.asked[0]!.body, { tools: [{ type: 'function', function: { name: 'mark' } }], tool_choice: 'auto' })
})

t.test('parallel_tool_calls: false is sent to the upstream and enforced', async t => {
  const front = await startScriptedFront(t, response => {
    const send = stream(response)
    for (const index of [0, 1]) {
      const call = { index, id: `call_${index}`, function: { name: 'mark', arguments: '{}' } }
      send({ choices: [{ index: 0, delta: { tool_calls: [call] } }] })
    }
    send(delta('Done.', 'tool_calls'))
    send('[DONE]')
    response.end()
  })
  const client = new OpenAI({ baseURL: `${front.url}/v1`, apiKey: 'none', maxRetries: 0 })
  const ask = async (parallel?: boolean) => {
    const { choices } = await client.chat.completions.create({
      model: 'scripted',
      messages: [{ role: 'user', content: 'Hi' }],
      tools: [{ type: 'function', function: { name: 'mark' } }],
      parallel_tool_calls: parallel
    })
    return choices[0]!.message
  }
  t.equal((await ask()).tool_calls!.length, 2)
  t.equal((await ask(true)).tool_calls!.length, 2)
  t.notOk('parallel_tool_calls' in front.asked[1]!.body)
  t.equal((await ask(false)).tool_calls!.length, 1)
  t.equal(front.asked[2]!.body.parallel_tool_calls, false)
})

t.test('requests name the first listed model unless ENGINE_MODEL is set', async t => {
  const upstream = await startScripted(t, response => say(response, 'Yes.'), listModels('qwen-a', 'qwen-b'))
  const first = await startFront(t, [upstream.url])
  t.equal(first.engine.info().model, 'qwen-a')
  const second = await startFront(t, [upstream.url], { ENGINE_MODEL: 'qwen-b' })
  t.equal((await ask(second.url, { message: 'Hi' })).body.model, 'qwen-b')
  t.equal(upstream.asked[0]!.body.model, 'qwen-b')
})

t.test('clients see the name of a model, and upstreams get its path', async t => {
  const names = {
    '/srv/models/Qwen3VL-4B-Instruct-Q4_K_M.gguf': 'Qwen3VL-4B-Instruct-Q4_K_M',
    '/models/Qwen3-VL-8B/': 'Qwen3-VL-8B',
    'C:\\models\\x.GGUF': 'x',
    'Qwen/Qwen3-VL-8B-Instruct': 'Qwen/Qwen3-VL-8B-Instruct',
    'qwen3-vl:8b': 'qwen3-vl:8b'
  }
  for (const [id, name] of Object.entries(names)) {
    const upstream = await startScripted(t, response => say(response, 'Yes.'), listModels(id))
    const front = await startFront(t, [upstream.url])
    t.equal((await ask(front.url, { message: 'Hi' })).body.model, name)
    t.match(await (await fetch(`${front.url}/v1/models`)).json(), { data: [{ id: name }] })
    t.equal(upstream.asked[0]!.body.model, id)
  }
})

t.test('a conversation stays on its upstream', async t => {
  const upstreams = [0, 1, 2].map(() => startScripted(t, response => say(response, 'Yes.')))
  const all = await Promise.all(upstreams)
  const front = await startFront(t, all.map(({ url }) => url))
  for (let conversation = 0; conversation < 20; conversation++) {
    const history: object[] = []
    const before = all.map(({ asked }) => asked.length)
    for (let turn = 0; turn < 3; turn++) {
      await askJson(front.url, { message: `Question ${turn} of ${conversation}`, system: 'The same for all.', history })
      history.push({ role: 'user', content: `Question ${turn} of ${conversation}` }, {
        role: 'assistant', content: 'Yes.'
      })
    }
    t.same(all.map(({ asked }, i) => asked.length - before[i]!).sort(), [0, 0, 3])
  }
  t.ok(all.every(({ asked }) => asked.length > 0), 'all upstreams have conversations')
})

t.test('an image that cannot be decoded is reported and not sent', async t => {
  const front = await startScriptedFront(t, response => say(response, 'Yes.'))
  const whole = await sharp({
    create: {
      width: 400, height: 400, channels: 3, background: 'grey', noise: { type: 'gaussian', mean: 128, sigma: 30 }
    }
  }).png().toBuffer()
  const broken = Buffer.from(whole).fill(0, Math.floor(whole.length / 2), whole.length - 100)
  t.match(await ask(front.url, { message: 'Hi' }, [red, broken]), {
    status: 422, body: { code: 'CORRUPT_IMAGE', image: 1, field: 'images[1]' }
  })
  t.equal(front.asked.length, 0)
  await front.quiet()
})
