import { readFileSync } from 'node:fs'
import path from 'node:path'
import type { ChatCompletion, ChatCompletionMessageParam } from 'openai/resources/chat/completions'
import { NotFoundError } from 'openai'
import t from 'tap'
import { Value } from 'typebox/value'
import { CompletionChunkSchema, CompletionSchema, ModelListSchema } from '../../../schemas/openai-answer.ts'
import { ask, drawShape, EXAMPLES, startService } from '../../helper.ts'
import { client, complete, engine, failure, image, model, sdk, service, text } from './client.ts'

const red = await drawShape('circle', 'red', 'white')
const blue = await drawShape('square', 'blue', 'yellow')
const RED = 'A red circle on a white background.'

interface ImageReceipt { id: string, sent: { width: number, height: number } }

/** The receipts of a completion's images, which the types of the SDK do not contain. */
const receiptsOf = (answer: ChatCompletion): ImageReceipt[] =>
  (answer as unknown as { sightline: { images: ImageReceipt[] } }).sightline.images

t.test('the loaded model is listed', async t => {
  const page = await client.models.list()
  t.same(page.data.map(it => it.id), [model])
  t.same(Value.Errors(ModelListSchema, { object: 'list', data: page.data }), [])
  t.equal((await client.models.retrieve(model)).id, model)
  const error = await failure(client.models.retrieve('gpt-5'))
  t.type(error, NotFoundError)
  t.match(error, { status: 404, code: 'MODEL_NOT_FOUND', param: 'model', type: 'invalid_request_error' })
})

t.test('questions about images get the same answers as from /api/chat', async t => {
  const answer = await complete([{ role: 'user', content: [image(red), image(blue), text('Describe the images.')] }])
  const form = await ask(service.url, { message: 'Describe the images.' }, [red, blue])
  t.equal(answer.choices[0]!.message.content, form.body.response)
  t.equal(answer.choices[0]!.finish_reason, 'stop')
  t.equal(answer.usage!.prompt_tokens, form.body.usage.prompt_tokens)
  t.equal(answer.usage!.total_tokens, answer.usage!.prompt_tokens + answer.usage!.completion_tokens)
  t.same(Value.Errors(CompletionSchema, { ...answer }), [])
  t.same(receiptsOf(answer).map(it => it.id), form.body.images.map(it => it.id))
  await service.quiet()
})

t.test('images and text are accepted in any order and in any message', async t => {
  const before = await complete([{ role: 'user', content: [image(red), text('What is in the picture?')] }])
  const after = await complete([{ role: 'user', content: [text('What is in the picture?'), image(red)] }])
  t.equal(before.choices[0]!.message.content, RED)
  t.equal(after.usage!.prompt_tokens, before.usage!.prompt_tokens, 'the same parts in another order')
  const followUp = await complete([
    { role: 'system', content: 'You are a helpful assistant.' },
    { role: 'user', content: [image(red), text('What is in the picture?')] },
    { role: 'assistant', content: RED },
    { role: 'user', content: 'What is the colour of the background?' }
  ])
  t.equal(followUp.choices[0]!.message.content, 'The background is white.')
  const inSystem = await client.chat.completions.create({
    model, messages: [{ role: 'system', content: [image(blue) as never] }, { role: 'user', content: 'Hi' }]
  })
  t.ok(
    (inSystem.usage as { prompt_tokens_details?: { image_tokens?: number } }).prompt_tokens_details!.image_tokens! > 0
  )
})

t.test('an image of an earlier request is named by its id, and an expired id is refused', async t => {
  const first = await complete([{ role: 'user', content: [image(red), text('Hi')] }])
  const { id } = receiptsOf(first)[0]!
  const messages = (url: string): ChatCompletionMessageParam[] =>
    [{ role: 'user', content: [image(url), text('What is in the picture?')] }]
  t.equal((await complete(messages(`sightline:${id}`))).choices[0]!.message.content, RED)

  const unknown = `sha256:${'0'.repeat(64)}`
  const error = await failure(complete(messages(`sightline:${unknown}`)))
  t.match(error, { status: 410, code: 'IMAGE_EXPIRED' })
  t.same(error.error.ids, [unknown])
  t.match(await failure(complete(messages('sightline:cat'))), {
    status: 400, code: 'INVALID_FIELD', param: 'messages[0].content[0].image_url.url'
  })
})

t.test('a stream consists of chunks, with usage on request', async t => {
  const stream = await client.chat.completions.create({
    model,
    stream: true,
    stream_options: { include_usage: true },
    messages: [{ role: 'user', content: [image(red), text('What is in the picture?')] }]
  })
  const chunks = []
  for await (const chunk of stream) chunks.push(chunk)
  for (const chunk of chunks) t.same(Value.Errors(CompletionChunkSchema, chunk), [])
  t.equal(chunks.map(chunk => chunk.choices[0]?.delta.content ?? '').join(''), RED)
  t.ok(chunks.filter(chunk => chunk.choices[0]?.delta.content).length > 3, 'in several pieces')
  t.match(chunks[0], { choices: [{ delta: { role: 'assistant' }, finish_reason: null }] })
  t.equal(chunks.at(-2)!.choices[0]!.finish_reason, 'stop')
  t.same(chunks.at(-1)!.choices, [])
  t.ok(chunks.at(-1)!.usage!.completion_tokens > 3)
  t.equal(new Set(chunks.map(chunk => chunk.id)).size, 1)

  const without =
    await client.chat.completions.create({ model, stream: true, messages: [{ role: 'user', content: 'Hi' }] })
  for await (const chunk of without) t.notOk(chunk.usage)
  await service.quiet()
})

t.test('the SDK\'s stream helper and abort work', async t => {
  const runner = client.chat.completions.stream({
    model, messages: [{ role: 'user', content: [image(red), text('What is in the picture?')] }]
  })
  t.equal(await runner.finalContent(), RED)
  const stream = await client.chat.completions.create({
    model, stream: true, messages: [{ role: 'user', content: [image(blue), text('Describe the picture.')] }]
  })
  for await (const chunk of stream) {
    if (chunk.choices[0]?.delta.content) stream.controller.abort()
  }
  await service.quiet()
})

t.test('stop, token limits, seeds and penalties take effect', async t => {
  const messages: ChatCompletionMessageParam[] =
    [{ role: 'user', content: [image(red), text('What is in the picture?')] }]
  const stopped = await complete(messages, { stop: ' on a' })
  t.equal(stopped.choices[0]!.message.content, 'A red circle')
  t.equal(stopped.choices[0]!.finish_reason, 'stop')
  const short = await complete(messages, { max_completion_tokens: 2 })
  t.equal(short.choices[0]!.finish_reason, 'length')
  t.equal(short.usage!.completion_tokens, 2)
  t.equal((await complete(messages, { max_tokens: 3 })).usage!.completion_tokens, 3)
  const warm = { temperature: 2, top_p: 1, seed: -7, top_k: 0, max_tokens: 20 }
  const [one, two] = [await complete(messages, warm), await complete(messages, warm)]
  t.equal(one.choices[0]!.message.content, two.choices[0]!.message.content, 'the same seed')
  t.equal(
    (await complete(messages, { temperature: 2, top_p: 0 })).choices[0]!.message.content, RED,
    'only the most likely token'
  )
  // The model is confident: a penalty shows only at a high temperature, or with a value that the OpenAI API forbids.
  const twice: ChatCompletionMessageParam[] =
    [{ role: 'user', content: [image(red), image(red), text('Describe the images.')] }]
  for (const penalty of ['frequency_penalty', 'presence_penalty']) {
    const hot = { temperature: 2, top_p: 1, top_k: 0, max_tokens: 30 }
    const said = async (rest: object) =>
      (await complete(twice, { ...hot, ...rest })).choices[0]!.message.content
    const seeds = [1, 2, 3]
    const [free, punished] = [
      await Promise.all(seeds.map(seed => said({ seed }))),
      await Promise.all(seeds.map(seed => said({ seed, [penalty]: 2 })))
    ]
    t.notSame(free, punished, penalty)
  }
  for (const sampling of [{ frequencyPenalty: 40 }, { presencePenalty: 40 }]) {
    const words: string[] = []
    const turns = [{ role: 'user' as const, parts: [{ type: 'text' as const, text: 'Say it twice' }] }]
    for await (const event of engine.generate({
      turns,
      scope: '',
      tools: [],
      images: [],
      maxTokens: 30,
      stop: [],
      grammar: 'root ::= ("a" | "b") ("a" | "b") ("a" | "b")',
      sampling
    }, new AbortController().signal)) {
      if (event.type === 'token') words.push(event.text)
    }
    t.ok(
      /a/.test(words.join('')) && /b/.test(words.join('')),
      `${Object.keys(sampling)[0]}: "${words.join('')}" is not one letter three times`
    )
  }
})

t.test('detail: low bounds the longest side of an image', async t => {
  const wide = await startService(t, { IMAGE_MAX_TOKENS: '1280' })
  const large = readFileSync(path.join(EXAMPLES, '02.jpg'))
  const sent = async (detail: 'low' | 'high') => {
    const answer = await sdk(wide).chat.completions.create({
      model,
      max_tokens: 1,
      messages: [
        { role: 'user', content: [{ type: 'image_url', image_url: { ...image(large).image_url, detail } }, text('Hi')] }
      ]
    })
    return receiptsOf(answer)[0]!.sent
  }
  t.same(await sent('high'), { width: 644, height: 476 })
  const low = await sent('low')
  t.ok(low.width <= 512 && low.width > 400 && low.height < low.width, `${low.width} x ${low.height}`)
})

t.test('structured answers are valid by their schema', async t => {
  const schema = {
    type: 'object',
    properties: { colour: { enum: ['red', 'blue', '绿'] }, count: { type: 'integer', minimum: 0, maximum: 9 } },
    required: ['colour', 'count'],
    additionalProperties: false
  }
  const answer = await complete([{ role: 'user', content: [image(red), text('What is in the picture?')] }], {
    response_format: { type: 'json_schema', json_schema: { name: 'shape', strict: true, schema } }
  })
  const value = JSON.parse(answer.choices[0]!.message.content!)
  t.ok(
    ['red', 'blue', '绿'].includes(value.colour) && Number.isInteger(value.count), answer.choices[0]!.message.content!
  )
  const error = await failure(complete([{ role: 'user', content: 'Hi' }], {
    response_format: {
      type: 'json_schema', json_schema: { name: 'x', schema: { type: 'array', items: { not: { type: 'null' } } } }
    }
  }))
  t.match(error, { status: 400, code: 'UNSUPPORTED_SCHEMA', param: 'response_format', error: { keyword: 'not' } })
})
