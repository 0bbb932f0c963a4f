import t from 'tap'
import type { ToolSyntax } from '../../../services/engine/engine.ts'
import { parseCompletionRequest, toCompletionQuestion } from '../../../services/openai/request.ts'
import { refusalOf } from '../refusal.ts'

const SYNTAX: ToolSyntax = { form: 'xml', open: '<call>', close: '</call>' }
const MESSAGES = [{ role: 'user', content: 'Hi' }]
const SCHEMA = { type: 'object', properties: { colour: { type: 'string' } } }

const ask = (more: object) =>
  toCompletionQuestion(parseCompletionRequest({ model: 'tiny', messages: MESSAGES, ...more }), SYNTAX).question
const formatOf = (more: object) => {
  const { constraint } = ask(more)
  return constraint?.type === 'format' ? constraint.format : null
}
/** The same tools for each choice. */
const TOOLS = ['look', 'point'].map(name => ({ type: 'function', function: { name, parameters: SCHEMA } }))

t.test('a schema is enforced in any of its places and forms', async t => {
  const named = { name: 'answer', strict: true, schema: SCHEMA }
  const forms: Array<[client: string, fields: object]> = [
    ['llama-server, with OpenAI\'s object', { json_schema: named }],
    ['vLLM, with OpenAI\'s object', { guided_json: named }],
    ['vLLM, with null for others', { structured_outputs: { json: SCHEMA, regex: null, disable_fallback: false } }],
    ['Ollama, with OpenAI\'s object', { format: named }],
    ['Ollama, with a response format', { format: { type: 'json_schema', json_schema: named } }],
    ['Responses', { text: { format: { type: 'json_schema', ...named }, verbosity: 'medium' } }],
    ['Anthropic', { output_format: { type: 'json_schema', schema: SCHEMA } }],
    ['Anthropic', { output_config: { format: { type: 'json_schema', schema: SCHEMA } } }],
    ['Gemini', { responseSchema: SCHEMA, responseMimeType: 'application/json' }],
    ['as text', { response_format: { type: 'json_schema', json_schema: JSON.stringify(SCHEMA) } }],
    ['TGI', { response_format: { type: 'json', value: SCHEMA } }],
    ['Fireworks', { response_format: { type: 'json_object', response_schema: SCHEMA } }],
    ['Mistral', { response_format: { type: 'json_schema', json_schema: { name: 'a', schema_definition: SCHEMA } } }],
    ['a name apart', { response_format: { type: 'json_schema', schema: SCHEMA, json_schema: { name: 'answer' } } }],
    ['with text', { json_schema: SCHEMA, response_format: { type: 'text' } }],
    ['with any object', { guided_json: SCHEMA, response_format: { type: 'json_object' } }]
  ]
  for (const [client, fields] of forms) {
    t.match(formatOf(fields), { type: 'json_schema', json_schema: { schema: SCHEMA } }, client)
  }
  for (const fields of [{ guided_json: {} }, { format: {} }, { format: { type: 'json_object' } }]) {
    t.strictSame(formatOf(fields), { type: 'json_object' }, JSON.stringify(fields))
  }
})

t.test('null and empty lists of PHP are absent in schemas, but not where they are values', async t => {
  const schema = { type: 'object', properties: { a: { type: 'string', format: null, enum: null, pattern: null } } }
  t.match(formatOf({ guided_json: schema }), {
    json_schema: { schema: { type: 'object', properties: { a: { type: 'string' } } } }
  })
  const values = { type: 'object', properties: { a: { const: null }, b: { enum: [null, 1], default: null } } }
  t.strictSame((formatOf({ guided_json: values }) as any).json_schema.schema, values)
  const { tools } = ask({ tools: [{ name: 'look', parameters: { type: 'object', properties: [] } }] })
  t.strictSame(tools[0]!.parameters, { type: 'object', properties: {} })
  t.strictSame(ask({ tools: [{ name: 'look', parameters: [] }] }).tools[0]!.parameters, {})
})

t.test('two schemas, and values that are none, are refused', async t => {
  const cases: Array<[fields: object, field: string]> = [
    [
      { response_format: { type: 'json_schema', schema: SCHEMA, json_schema: { schema: { enum: [1] } } } },
      'response_format.schema'
    ],
    [{ guided_json: SCHEMA, json_schema: { enum: [1] } }, 'json_schema'],
    [{ guided_json: true }, 'guided_json'],
    [{ guided_json: '[1]' }, 'guided_json'],
    [{ guided_json: `{"a":${'['.repeat(1_000)}` }, 'guided_json'],
    [{ structured_outputs: { regex: 'a+', json: null } }, 'structured_outputs'],
    [{ text: 'Hi' }, 'text'],
    [{ text: { verbosity: 'low' } }, 'text.verbosity']
  ]
  for (const [fields, field] of cases) {
    const { code, details } = refusalOf(() => ask(fields))
    t.strictSame([code, details.field], ['INVALID_FIELD', field])
  }
})

t.test('tools in more forms are offered, or refused by name', async t => {
  const offered = [{ name: 'look', description: undefined, parameters: SCHEMA }]
  for (const tool of [
    { name: 'look', inputSchema: SCHEMA }, { type: 'function', function: { name: 'look', input_schema: SCHEMA } },
    { type: 'custom', name: 'look', input_schema: SCHEMA }, { name: 'look', parameters: SCHEMA, input_schema: SCHEMA }
  ]) t.strictSame(ask({ tools: [tool] }).tools, offered, JSON.stringify(tool))
  const cases: Array<[tool: object, field: string]> = [
    [{ name: 'look', parameters: SCHEMA, input_schema: {} }, 'tools[0].input_schema'],
    [{ type: 'custom', name: 'look', format: { type: 'grammar', syntax: 'lark' } }, 'tools[0].type'],
    [{ type: 'custom', custom: { name: 'look' } }, 'tools[0].type']
  ]
  for (const [tool, field] of cases) t.match(refusalOf(() => ask({ tools: [tool] })), { details: { field } })
})

t.test('a choice of tools in any of its forms is obeyed', async t => {
  const required = (choice: unknown) => {
    const { constraint } = ask({ tools: TOOLS, tool_choice: choice })
    return constraint?.type === 'call' ? constraint.tools.map(({ name }) => name) : []
  }
  t.strictSame(required('any'), ['look', 'point'], 'Mistral')
  t.strictSame(required({ function: { name: 'point' } }), ['point'])
  t.strictSame(required({ type: 'any', disable_parallel_tool_use: false }), ['look', 'point'])
  const named = (name: string) => ({ type: 'function', function: { name } })
  for (const choice of [
    { type: 'allowed_tools', allowed_tools: { mode: 'required', tools: [named('point')] } },
    { type: 'allowed_tools', mode: 'required', tools: [{ type: 'function', name: 'point' }] }
  ]) {
    t.strictSame(required(choice), ['point'])
    t.strictSame(ask({ tools: TOOLS, tool_choice: choice }).tools.map(({ name }) => name), ['point'])
  }
  for (const choice of [
    { type: 'auto', disable_parallel_tool_use: true }, { type: 'tool', name: 'look', disable_parallel_tool_use: true }
  ]) t.equal(ask({ tools: TOOLS, tool_choice: choice }).singleCall, true, choice.type)
  t.equal(ask({ tools: TOOLS, disable_parallel_tool_use: true }).singleCall, true)
  const unknown = { type: 'allowed_tools', allowed_tools: { mode: 'auto', tools: [named('fly')] } }
  t.match(refusalOf(() => required(unknown)), { details: { field: 'tool_choice.allowed_tools.tools[0]' } })
  for (const choice of ['constructor', { type: 'toString' }]) {
    t.match(refusalOf(() => required(choice)), { details: { field: 'tool_choice' } })
  }
})
