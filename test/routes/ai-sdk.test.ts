import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { APICallError, generateObject, generateText, jsonSchema, streamText } from 'ai'
import t from 'tap'
import { createTestEngine, drawShape, startService } from '../helper.ts'

const engine = await createTestEngine(t)
const service = await startService(t, {}, engine)
const provider = createOpenAICompatible({
  name: 'sightline', baseURL: `${service.url}/v1`, includeUsage: true, supportsStructuredOutputs: true
})
const model = provider(engine.info().model)
const image = new Uint8Array(await drawShape('circle', 'red', 'white'))
const RED = 'A red circle on a white background.'
const messages = [{
  role: 'user' as const,
  content: [
    { type: 'image' as const, image, mediaType: 'image/png' },
    { type: 'text' as const, text: 'What is in the picture?' }
  ]
}]

t.test('generateText answers a question about an image', async t => {
  const { text, usage, finishReason } = await generateText({ model, messages })
  t.equal(text, RED)
  t.equal(finishReason, 'stop')
  t.ok(usage.inputTokens! > 20 && usage.outputTokens! > 3)
  await service.quiet()
})

t.test('streamText streams the answer', async t => {
  const result = streamText({ model, messages })
  const pieces: string[] = []
  for await (const piece of result.textStream) pieces.push(piece)
  t.equal(pieces.join(''), RED)
  t.ok(pieces.length > 3)
  t.ok((await result.usage).outputTokens! > 3)
  await service.quiet()
})

t.test('generateObject returns an object that is valid by its schema', async t => {
  const schema = jsonSchema<{ colour: string }>({
    type: 'object',
    properties: { colour: { type: 'string', enum: ['red', 'green'] } },
    required: ['colour'],
    additionalProperties: false
  })
  const { object } = await generateObject({ model, schema, messages })
  t.ok(['red', 'green'].includes(object.colour), JSON.stringify(object))
})

t.test('a refusal is an error with its status and code', async t => {
  const error =
    await generateText({ model: provider('gpt-5'), messages, maxRetries: 0 }).then(() => null, error => error)
  t.ok(APICallError.isInstance(error))
  t.equal(error.statusCode, 404)
  t.match(error.responseBody, /MODEL_NOT_FOUND/)
})
