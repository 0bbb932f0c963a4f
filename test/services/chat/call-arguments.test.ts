import { Ajv2020 } from 'ajv/dist/2020.js'
import t from 'tap'
import { createCallGrammar } from '../../../services/chat/call-grammar.ts'
import type { OfferedTool } from '../../../services/chat/request.ts'
import type { XmlToolSyntax } from '../../../services/engine/engine.ts'
import { createCallReader, type AnswerPart } from '../../../services/openai/tools.ts'
import { generator } from '../../../tools/lib/random.ts'
import { createSampler } from './schema-grammar/gbnf.ts'

const SYNTAX: XmlToolSyntax = { form: 'xml', open: '<tool_call>', close: '</tool_call>' }
const SEED = 7
const DRAWS = 150
const ajv = new Ajv2020({ strict: false, logger: false })

const object = (properties: object) => ({ type: 'object', properties, required: Object.keys(properties) })
const either = (keyword: string, a: object, b: object) => ({
  type: 'object', [keyword]: [object({ kind: { const: 'a' }, v: a }), object({ kind: { const: 'b' }, v: b })]
})
const digit = { type: 'string', pattern: '^[0-9]$' }

/** Schemas in which the type of a parameter depends on other parameters, or on its value. */
const SCHEMAS: Record<string, object> = {
  'a text or a number': either('anyOf', digit, { type: 'integer' }),
  'a short text or a number': either('anyOf', { type: 'string', maxLength: 1 }, { type: 'integer' }),
  'a text or a boolean': either('oneOf', digit, { type: 'boolean' }),
  'a text or a list': either('oneOf', { type: 'string', pattern: '^\\[1?\\]$' }, { type: 'array', maxItems: 1 }),
  'words or numbers': either('anyOf', { enum: ['1', '2'] }, { type: 'integer', minimum: 1, maximum: 3 }),
  'words or null': either('anyOf', { enum: ['null', 'x'] }, { type: 'null' }),
  'a word or a text with a blank': either('anyOf', { enum: ['x'] }, { type: 'string', pattern: '^ x$' }),
  'a word or a text in quotation marks': either('anyOf', { const: 'x' }, { type: 'string', pattern: '^"x"$' }),
  'alternatives behind a reference': { $ref: '#/$defs/a', $defs: { a: either('anyOf', digit, { type: 'integer' }) } },
  'alternatives within allOf': { allOf: [either('anyOf', digit, { type: 'number' }), { minProperties: 2 }] },
  'other parameters of alternatives': {
    type: 'object',
    anyOf: [
      { properties: { a: { const: '1' } }, required: ['a'], additionalProperties: { type: 'integer' } },
      { properties: { b: { const: 1 } }, required: ['b'], additionalProperties: digit }
    ]
  },
  'objects of an enum': { type: 'object', enum: [{ k: 'x', a: '1' }, { k: 'y', a: 1 }, { k: 'z', a: [null] }] },
  'an enum of several types next to a type': object({ v: { type: ['integer', 'null'], enum: [1, '1', null, 'null'] } }),
  'an enum of several types within allOf': object({
    v: { anyOf: [{ allOf: [{ enum: ['1', 2] }, { type: 'integer' }] }, { enum: [1] }] }
  })
}

/** Reads an answer in pieces. The ids of calls are random, and left out. */
function read (tools: OfferedTool[], pieces: string[]): { text: string, calls: Array<[name: string, json: string]> } {
  const reader = createCallReader(SYNTAX, tools)
  const parts: AnswerPart[] = [...pieces.map(piece => reader.push(piece)), reader.end(false)]
  return {
    text: parts.map(part => part.text).join(''),
    calls: parts.flatMap(part => part.calls).map(call => [call.name, call.arguments])
  }
}

t.test('the arguments of enforced calls satisfy the schema, whole and streamed', async t => {
  for (const [name, parameters] of Object.entries(SCHEMAS)) {
    const tools: OfferedTool[] = [{ field: 'tools[0]', name: 'look', parameters, strict: true }]
    const draw = createSampler(createCallGrammar(tools, SYNTAX, false))
    const isValid = ajv.compile(parameters)
    const random = generator(SEED)
    const faults = Array.from({ length: DRAWS }, () => draw(random)).flatMap(text => {
      const { text: rest, calls } = read(tools, [text])
      t.strictSame(read(tools, [...text]), { text: rest, calls }, `${JSON.stringify(text)} is read the same in pieces`)
      const isRead = rest === '' && calls.length > 0 && calls.every(([, json]) => isValid(JSON.parse(json)))
      return isRead ? [] : [{ text, rest, calls }]
    })
    t.strictSame(faults.slice(0, 1), [], `${name}: ${faults.length} of ${DRAWS} texts`)
  }
})
