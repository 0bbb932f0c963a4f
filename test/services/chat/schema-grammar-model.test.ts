import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import t from 'tap'
import { grammarOfSchema, JSON_OBJECT_GRAMMAR } from '../../../services/chat/schema-grammar/index.ts'
import type { GenerateRequest } from '../../../services/engine/engine.ts'
import { createTestEngine } from '../../helper.ts'
import { collect, createHeartRequest, textOf } from '../engine/requests.ts'
import { SCHEMAS } from './schema-grammar/schemas.ts'

const never = new AbortController().signal
const ajv = new Ajv2020({ strict: false })
addFormats.default(ajv)
const withImage = await createHeartRequest(t)
const question = 'Describe the picture as JSON.'
const withText: GenerateRequest =
  { ...withImage, images: [], turns: [{ role: 'user', parts: [{ type: 'text', text: question }] }] }
const engine = await createTestEngine(t)
const SEEDS = [1, 2, 3]
/** Schemas that bound the length of an answer. The demonstration model would not end the others. */
const ASKED = [
  'an object with required keys', 'optional keys', 'only optional keys', 'a required key without a schema',
  'names that need escapes', 'a map with names of a pattern', 'a map with names of an enum', 'at least two of four',
  'counted others', 'everything', 'a string of a length', 'a number', 'a probability', 'an open interval',
  'an integer', 'a range around zero', 'a large integer', 'a free list', 'a tuple and more', 'a list of objects',
  'types of a list', 'an enum of all kinds', 'many strings', 'a constant', 'any of', 'one of by a constant',
  'one of next to properties', 'all of strings', 'references', 'a linked list'
]

async function answer (request: GenerateRequest): Promise<{ text: string, finishReason: string, tokens: number }> {
  const events = await collect(engine.generate(request, never))
  const done = events.at(-1)!
  if (done.type !== 'done') throw new Error(`the last event is ${done.type}`)
  return { text: textOf(events), finishReason: done.finishReason, tokens: done.usage.completionTokens }
}

/** Runs as many items at a time as there are slots. */
async function inSlots<T, R> (items: T[], slots: number, work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  const next = items.entries()
  await Promise.all(Array.from({ length: slots }, async () => {
    for (const [index, item] of next) results[index] = await work(item)
  }))
  return results
}

t.test('every answer under a grammar is valid JSON, at a high temperature', async t => {
  const cases = [
    ...ASKED.map(name => ({ name, schema: SCHEMAS[name] })),
    ...['date', 'date-time', 'uuid', 'ipv4'].map(format => ({ name: format, schema: { type: 'string', format } })),
    { name: 'a pattern', schema: { type: 'string', pattern: '^[A-Z][a-z]+(, [a-z]+)*\\.$', maxLength: 60 } }
  ].map(({ name, schema }) => ({ name, validate: ajv.compile(schema as object), grammar: grammarOfSchema(schema) }))
  const runs =
    cases.flatMap((one, index) => SEEDS.map(seed => ({ ...one, seed, base: index % 3 === 0 ? withImage : withText })))

  let cut = 0
  const wrong: string[] = []
  await inSlots(runs, 3, async ({ name, validate, grammar, seed, base }) => {
    const { text, finishReason } =
      await answer({ ...base, grammar, maxTokens: 400, sampling: { temperature: 1, seed } })
    if (finishReason === 'length') cut++
    else if (!validate(JSON.parse(text))) wrong.push(`${name}: ${text}`)
  })
  t.strictSame(wrong, [])
  t.ok(cut < runs.length / 10, `${cut} of ${runs.length} were cut off`)
})

t.test('an answer that is cut off has finish reason length and is the start of a valid one', async t => {
  const schema = {
    type: 'object',
    properties: { shape: { enum: ['heart', 'star'] }, colour: { type: 'string', minLength: 100 } },
    required: ['shape', 'colour']
  }
  const { text, finishReason, tokens } = await answer({
    ...withImage, grammar: grammarOfSchema(schema), maxTokens: 5, sampling: { temperature: 1, seed: 1 }
  })
  t.equal(finishReason, 'length')
  t.equal(tokens, 5)
  t.match(text, /^\{"sh/)
  t.throws(() => JSON.parse(text))
})

t.test('the answer describes the image', async t => {
  const schema = {
    type: 'object',
    properties: { shape: { enum: ['circle', 'star', 'heart', 'square', 'triangle'] } },
    required: ['shape'],
    additionalProperties: false
  }
  const { text, finishReason } =
    await answer({ ...withImage, grammar: grammarOfSchema(schema), maxTokens: 50, sampling: { temperature: 0 } })
  t.equal(finishReason, 'stop')
  t.strictSame(JSON.parse(text), { shape: 'heart' })
})

t.test('the grammar for any object yields objects', async t => {
  const answers = await inSlots(SEEDS, 3, seed =>
    answer({ ...withText, grammar: JSON_OBJECT_GRAMMAR, maxTokens: 800, sampling: { temperature: 1, seed } }))
  const ended = answers.filter(({ finishReason }) => finishReason === 'stop')
  t.ok(ended.length > 0, `${ended.length} came to an end`)
  for (const { text } of ended) t.equal(Object.getPrototypeOf(JSON.parse(text)), Object.prototype, text.slice(0, 80))
})

t.test('characters that the vocabulary contains only as bytes', async t => {
  const value = { 'naïve 名前 😀': ['é', '猫\u2028', 'नमस्ते', '\u{10ffff}', 'a"b\\c\n\u0001'] }
  const { text, finishReason } = await answer({
    ...withText, grammar: grammarOfSchema({ const: value }), maxTokens: 300, sampling: { temperature: 2, seed: 5 }
  })
  t.equal(finishReason, 'stop')
  t.strictSame(JSON.parse(text), value)
})

t.test('a grammar that llama.cpp cannot read fails one request and nothing else', async t => {
  const { pid } = engine.info()
  for (const grammar of [
    '', 'root ::= "a', 'nonsense', 'root ::= missing', 'root ::= root "a"', 'other ::= "a"', 'root ::= "a"{3000}',
    'root ::= [a', 'root ::= "a" ) "b"'
  ]) {
    await t.rejects(answer({ ...withText, grammar }), { code: 'ENGINE_ERROR' }, JSON.stringify(grammar))
  }
  t.match(await answer({ ...withText, grammar: grammarOfSchema({ const: 1 }) }), { text: '1', finishReason: 'stop' })
  t.match(engine.info(), { state: 'ready', restarts: 0, pid })
})
