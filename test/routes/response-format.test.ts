import { readFileSync } from 'node:fs'
import path from 'node:path'
import sharp from 'sharp'
import t from 'tap'
import { ask, askJson, askStream, createTestEngine, drawShape, EXAMPLES, startService, type Upload } from '../helper.ts'

const upload = (name: string): Upload => ({ data: readFileSync(path.join(EXAMPLES, name)), name })
const engine = await createTestEngine(t)
const service = await startService(t, {}, engine)
const red = await drawShape('circle', 'red', 'white')
// The model receives this image reduced and with another aspect ratio.
const tall = await sharp({ create: { width: 560, height: 840, channels: 3, background: 'white' } }).png().toBuffer()
const dataUri = (data: Buffer) => `data:image/png;base64,${data.toString('base64')}`
const asSchema = (schema: object) => ({ type: 'json_schema', json_schema: { name: 'answer', schema } })

t.test('boxes and points are returned in pixels of the uploaded image', async t => {
  const grid = await startService(t, { BOX_COORDINATES: 'grid1000' }, engine)
  const pointed = { bbox_2d: [28, 28, 56, 84], label: 'heart' }
  const schema = (value: object) => ({
    type: 'object',
    properties: Object.fromEntries(Object.entries(value).map(([name, value]) => [name, { const: value }])),
    required: Object.keys(value)
  })
  const fields = (value: object = pointed) =>
    ({ message: 'Where is it?', response_format: JSON.stringify(asSchema(schema(value))) })

  const { body } = await ask(service.url, fields(), [tall])
  t.same(JSON.parse(body.response), pointed)
  t.equal(body.finish_reason, 'stop')
  const [{ id, original, sent }] = body.images as [typeof body.images[number]]
  t.same([original, sent], [{ width: 560, height: 840 }, { width: 112, height: 196 }])
  // A pixel of the reduced image is 560 / 112 = 5 wide and 840 / 196 = 30 / 7 high.
  const box = { image: 0, id, label: 'heart', box: [140, 120, 280, 360] }
  t.same(body.boxes, [box])
  t.same(body.points, [])
  // A thousandth of the image is 0.56 wide and 0.84 high.
  const inGrid = { ...box, box: [15.68, 23.52, 31.36, 70.56] }
  t.same((await ask(grid.url, fields(), [tall])).body.boxes, [inGrid])
  for (const [of, expected] of [[service, box], [grid, inGrid]] as const) {
    const { event, data } = (await askStream(of.url, fields(), [tall])).events.at(-1)!
    t.same([event, data.boxes], ['done', [expected]], 'streamed')
  }

  const history =
    JSON.stringify([{ role: 'user', content: 'Look', images: [id] }, { role: 'assistant', content: 'I see' }])
  t.same((await ask(service.url, { ...fields(), history })).body.boxes, [box], 'in an image of the history')
  t.same((await ask(grid.url, { ...fields(), history })).body.boxes, [inGrid])
  const square = (await ask(service.url, { ...fields(), history }, [red])).body
  t.same(
    square.boxes, [{ ...box, image: 1, id: square.images[0]!.id, box: [28, 28, 56, 84] }],
    'in the latest image, which is not reduced'
  )
  t.same(
    (await ask(service.url, { ...fields({ image: 1, ...pointed }), history }, [red])).body.boxes, square.boxes,
    'in the image that the model names, which is the first of the latest turn'
  )
  t.same(
    (await ask(service.url, {
      ...fields({ image: 1, ...pointed }), message: 'It is not in picture 2, is it?', history
    }, [red])).body.boxes,
    [box], 'in the first of the conversation, which the question numbers'
  )
  const points = (await ask(service.url, fields({ point_2d: [56, 98], label: 'middle' }), [tall])).body
  t.same([points.boxes, points.points], [[], [{ image: 0, id, label: 'middle', point: [280, 420] }]])
  await grid.quiet()
})

t.test('a response format is obeyed, in a form and in JSON', async t => {
  const cross = upload('13.png')
  const message = 'JSON with shape and color please.'
  const said = { shape: 'cross', color: 'black' }
  const twoWays = async (format: object, fields: { message: string, max_tokens?: number } = { message }) => {
    const { max_tokens: most, ...rest } = fields
    const form = (await ask(
      service.url,
      { ...rest, ...most !== undefined && { max_tokens: String(most) }, response_format: JSON.stringify(format) },
      [cross]
    )).body
    const json =
      (await askJson(service.url, { ...fields, response_format: format, images: [dataUri(cross.data as Buffer)] })).body
    t.equal(json.response, form.response, 'the same answer both ways')
    t.equal(json.finish_reason, form.finish_reason)
    return form
  }
  const free = await twoWays({ type: 'json_object' })
  t.same([JSON.parse(free.response), free.finish_reason], [said, 'stop'])
  const strict = await twoWays(asSchema({
    type: 'object',
    properties: { color: { enum: ['red', 'black'] }, shape: { type: 'string' } },
    required: ['shape', 'color'],
    additionalProperties: false
  }))
  t.equal(strict.finish_reason, 'stop')
  t.same(Object.keys(JSON.parse(strict.response)).sort(), ['color', 'shape'])
  t.match(JSON.parse(strict.response), { color: /^(red|black)$/, shape: String })
  t.equal((await twoWays({ type: 'text' })).response, (await ask(service.url, { message }, [cross])).body.response)

  const words = asSchema({ type: 'array', items: { const: 'word' }, minItems: 90, maxItems: 90 })
  const cut = await twoWays(words, { message, max_tokens: 12 })
  t.same([cut.finish_reason, cut.usage.completion_tokens], ['length', 12])
  t.match(cut.response, /^\["word","word"/)
  t.throws(() => JSON.parse(cut.response), SyntaxError)
  const whole = await twoWays(words)
  t.same([JSON.parse(whole.response), whole.finish_reason], [new Array(90).fill('word'), 'stop'])
})

t.test('a schema that cannot be enforced is refused with its keyword and place', async t => {
  const format = asSchema({ type: 'object', properties: { a: { not: { type: 'null' } } } })
  const refusal = {
    status: 400,
    body: {
      code: 'UNSUPPORTED_SCHEMA',
      field: 'response_format',
      keyword: 'not',
      pointer: '#/properties/a',
      error: /"not" at #\/properties\/a/
    }
  }
  t.match(await ask(service.url, { message: 'Hi', response_format: JSON.stringify(format) }), refusal)
  t.match(await askJson(service.url, { message: 'Hi', response_format: format }), refusal)
  const { status, events } = await askStream(service.url, { message: 'Hi', response_format: JSON.stringify(format) })
  t.same([status, events[0]!.data.code], [400, 'UNSUPPORTED_SCHEMA'], 'before anything is streamed')
  await service.quiet()
})

t.test('a stop string cuts an answer that obeys a schema, on both APIs', async t => {
  const format = asSchema({
    type: 'object', properties: { a: { const: 'one' }, b: { const: 'two' } }, required: ['a', 'b']
  })
  const fields = { response_format: format, stop: ['', '"b"'] }
  const { body } = await askJson(service.url, { message: 'Hi', ...fields })
  t.match(body.response, /^\{\s*"a"\s*:\s*"one"\s*,\s*$/)
  t.equal(body.finish_reason, 'stop')
  const completion = await fetch(`${service.url}/v1/chat/completions`, {
    method: 'POST',
    body: JSON.stringify({
      model: engine.info().model, messages: [{ role: 'user', content: 'Hi' }], ...fields, stop: ['"b"']
    }),
    headers: { 'content-type': 'application/json' }
  })
  const { choices: [choice] } = await completion.json() as any
  t.equal(choice.message.content, body.response)
  t.equal(choice.finish_reason, 'stop')
  await service.quiet()
})

t.test('the refusal of a malformed response format refers to its type', async t => {
  for (const [format, field, sentence] of [
    [{ type: 'xml' }, 'response_format.type', /must be one of text, json_object, json_schema/],
    [{}, 'response_format.type', /must be one of/],
    [5, 'response_format', /must be an object/],
    [{ type: 'json_schema' }, 'response_format', /must have "json_schema"/],
    [
      { type: 'json_schema', json_schema: { name: 'a' } }, 'response_format.json_schema',
      /must have "schema"/
    ],
    [{ type: 'json_object', schema: {} }, 'response_format', /is unknown/]
  ] as const) {
    t.match(
      await askJson(service.url, { message: 'Hi', response_format: format }),
      { status: 400, body: { code: 'INVALID_FIELD', field, error: sentence } }, JSON.stringify(format)
    )
  }
  t.match(await ask(service.url, { message: 'Hi', response_format: '{' }), {
    status: 400, body: { code: 'INVALID_FIELD', field: 'response_format', error: /is not valid JSON/ }
  })
})
