import t from 'tap'
import { CompletionRequestSchema } from '../../../schemas/openai-request.ts'
import type { ToolSyntax } from '../../../services/engine/engine.ts'
import { parseCompletionRequest, toCompletionQuestion } from '../../../services/openai/request.ts'
import { IGNORED, REFUSED } from '../../../services/openai/refused-fields.ts'
import { SYNONYMS } from '../../../services/openai/synonyms.ts'
import { refusalOf } from '../refusal.ts'

const SYNTAX: ToolSyntax = { form: 'xml', open: '<call>', close: '</call>' }
const MESSAGES = [{ role: 'user', content: 'Hi' }]
const SCHEMA = { type: 'object', properties: { colour: { type: 'string' } } }
const BASE64 = `iVBORw0KGgo${'A'.repeat(121)}`
const URI = `data:image/png;base64,${BASE64}`

const read = (more: object) =>
  toCompletionQuestion(parseCompletionRequest({ model: 'tiny', messages: MESSAGES, ...more }), SYNTAX)
const ask = (more: object) => read(more).question
const formatOf = (more: object) => {
  const { constraint } = ask(more)
  return constraint?.type === 'format' ? constraint.format : null
}

t.test('no field is in two lists', async t => {
  const known = Object.keys(CompletionRequestSchema.properties)
  const all = [...SYNONYMS.map(({ field }) => field), ...Object.keys(REFUSED), ...IGNORED, ...known]
  t.same(all.filter((field, index) => all.indexOf(field) !== index), [])
  for (const { means } of SYNONYMS) t.ok(known.includes(means), means)
})

t.test('fields of other servers have the effect of their equivalents', async t => {
  const enforced = { type: 'json_schema', json_schema: { name: 'answer', schema: SCHEMA } }
  const limits: Array<[client: string, fields: object]> = [
    ['llama-server', { n_predict: 7 }], ['Ollama', { num_predict: 7 }], ['SGLang', { max_new_tokens: 7 }],
    ['Responses', { max_output_tokens: 7 }], ['both, equal', { n_predict: 7, max_tokens: 7 }]
  ]
  for (const [client, fields] of limits) t.equal(ask(fields).maxTokens, 7, client)
  t.equal(ask({ repetition_penalty: 1.2 }).sampling.repeatPenalty, 1.2, 'vLLM')
  t.strictSame(ask({ stop_sequences: ['END'] }).stop, ['END'], 'Anthropic')
  const formats: Array<[client: string, fields: object]> = [
    ['vLLM', { guided_json: SCHEMA }], ['vLLM, as text', { guided_json: JSON.stringify(SCHEMA) }],
    ['vLLM 0.12', { structured_outputs: { json: SCHEMA } }], ['llama-server', { json_schema: SCHEMA }],
    ['Ollama', { format: SCHEMA }]
  ]
  for (const [client, fields] of formats) t.strictSame(formatOf(fields), enforced, client)
  t.strictSame(formatOf({ format: 'json' }), { type: 'json_object' }, 'Ollama')
})

t.test('a field that contradicts its equivalent is refused', async t => {
  t.match(refusalOf(() => ask({ n_predict: 7, max_tokens: 8 })), {
    code: 'INVALID_FIELD', message: 'Field "n_predict" contradicts "max_tokens"'
  })
  t.match(refusalOf(() => ask({ guided_json: { enum: [1] }, response_format: { type: 'json_object' } })), {
    details: { field: 'guided_json' }
  })
  const { message } = refusalOf(() => ask({ think: true, reasoningEffort: 'none' }))
  t.match(message, 'Field "reasoningEffort" contradicts "think"')
})

t.test('a field that would change the answer is refused by name', async t => {
  for (const field of Object.keys(REFUSED)) {
    const needed = Object.fromEntries((REFUSED[field]!.needs ?? []).map(name => [name, 2]))
    t.match(refusalOf(() => ask({ [field]: { made: 'up' }, ...needed })), {
      code: 'INVALID_FIELD', status: 400, details: { field }
    }, field)
    if (REFUSED[field]!.needs) t.strictSame(ask({ [field]: 5 }), ask({}), `${field} alone changes nothing`)
    t.strictSame(ask({ [field]: null }), ask({}), `${field}: null`)
  }
  t.match(refusalOf(() => ask({ guided_regex: 'a+' })).message, /"response_format"/, 'it says what to use')
  t.match(refusalOf(() => ask({ structured_outputs: { regex: 'a+' } })), { details: { field: 'structured_outputs' } })
})

t.test('the value that changes nothing is accepted', async t => {
  for (const [field, { neutral = [] }] of Object.entries(REFUSED)) {
    for (const value of neutral) t.strictSame(ask({ [field]: value }), ask({}), `${field}: ${JSON.stringify(value)}`)
  }
  for (const field of IGNORED) t.strictSame(ask({ [field]: 'anything' }), ask({}), field)
})

t.test('values of other clients mean the same', async t => {
  const { maxTokens, sampling: { seed } } = ask({})
  for (const unlimited of [-1, -2]) t.equal(ask({ max_tokens: unlimited }).maxTokens, maxTokens, 'LM Studio, llama.cpp')
  t.equal(ask({ max_completion_tokens: -1, max_tokens: 5 }).maxTokens, 5)
  t.equal(ask({ seed: -1 }).sampling.seed, seed, 'llama.cpp: random')
  t.equal(ask({ top_k: -1 }).sampling.topK, 0, 'vLLM: no limit')
  t.equal(ask({ top_k: 5000 }).sampling.topK, 1000)
  for (const stop of ['', [], [''], ['', '']]) t.strictSame(ask({ stop }).stop, [], JSON.stringify(stop))
  t.strictSame(ask({ stop: ['a', '', 'b', 'c', 'd', 'e'] }).stop, ['a', 'b', 'c', 'd', 'e'])
})

t.test('a response format in any of its forms is enforced', async t => {
  const forms: Array<[client: string, format: object]> = [
    ['Together, Fireworks', { type: 'json_object', schema: SCHEMA }],
    ['AI SDK', { type: 'json_schema', schema: SCHEMA }],
    ['without a name', { type: 'json_schema', json_schema: { schema: SCHEMA } }],
    ['Instructor', { type: 'json_schema', json_schema: { name: 'answer', description: null, schema: SCHEMA } }],
    ['an empty name', { type: 'json_schema', json_schema: { name: '', schema: SCHEMA } }],
    ['the schema itself', { type: 'json_schema', json_schema: SCHEMA }],
    ['name beside', { type: 'json_schema', name: 'answer', schema: SCHEMA }]
  ]
  for (const [client, format] of forms) {
    t.match(formatOf({ response_format: format }), {
      type: 'json_schema', json_schema: { name: 'answer', schema: SCHEMA }
    }, client)
  }
  t.equal(formatOf({ response_format: { type: 'text' } }), null)
  t.match(refusalOf(() => ask({ response_format: { type: 'json_schema' } })), { code: 'INVALID_FIELD' })
})

t.test('tools in any of their forms are offered', async t => {
  const offered = [{ name: 'look', description: 'Looks', parameters: SCHEMA }]
  const own = { name: 'look', description: 'Looks', parameters: SCHEMA }
  const forms: Array<[client: string, tool: object]> = [
    ['OpenAI', { type: 'function', function: own }],
    ['without a type', { function: own }],
    ['Responses', { type: 'function', ...own }],
    ['Anthropic', { name: 'look', description: 'Looks', input_schema: SCHEMA }]
  ]
  for (const [client, tool] of forms) t.strictSame(ask({ tools: [tool] }).tools, offered, client)
  const bare = { type: 'function', function: { name: 'look', description: null, parameters: null, strict: null } }
  t.strictSame(ask({ tools: [bare] }).tools, [{ name: 'look', description: undefined, parameters: undefined }], '.NET')
  const choices = [[{ type: 'any' }, 1], [{ type: 'tool', name: 'look' }, 1], [{ type: 'auto' }, 0]] as const
  for (const [choice, count] of choices) {
    const { constraint } = ask({ tools: [forms[0]![1]], tool_choice: choice })
    t.equal(constraint?.type === 'call' ? constraint.tools.length : 0, count, JSON.stringify(choice))
  }
})

t.test('no tools and a choice that needs none are a plain question', async t => {
  for (const fields of [
    { tools: [], tool_choice: 'auto' }, { tools: null, tool_choice: 'auto' }, { tools: [] }, { tool_choice: 'none' },
    { tools: [], parallel_tool_calls: false }
  ]) t.strictSame(ask(fields), ask({}), JSON.stringify(fields))
  t.match(refusalOf(() => ask({ tools: [], tool_choice: 'required' })), { details: { field: 'tool_choice' } })
})

t.test('names in camel case, and words of other clients, mean the same', async t => {
  const cases: Array<[fields: object, same: object]> = [
    [{ maxTokens: 7 }, { max_tokens: 7 }],
    [{ maxOutputTokens: 7 }, { max_tokens: 7 }],
    [{ max_tokens_to_sample: 7 }, { max_tokens: 7 }],
    [{ topP: 0.5, topK: 3, minP: 0.1 }, { top_p: 0.5, top_k: 3, min_p: 0.1 }],
    [{ stopSequences: ['a'] }, { stop: ['a'] }],
    [{ stop_words: ['a'], stop_str: 'a' }, { stop: ['a'] }],
    [{ responseFormat: { type: 'json_object' } }, { response_format: { type: 'json_object' } }],
    [{ do_sample: false }, { temperature: 0 }],
    [{ do_sample: true }, {}],
    [{ temp: 0.5, random_seed: 3 }, { temperature: 0.5, seed: 3 }],
    [{ n_predict: -1, max_tokens: 7 }, { max_tokens: 7 }],
    [{ stop: 'a', stop_sequences: ['a'] }, { stop: 'a' }],
    [{ stop: [null, ''] }, {}],
    [{ format: '', reasoning_effort: '', function_call: 'none' }, {}],
    [{ logit_bias: [], stream_options: [], chat_template_kwargs: [], response_format: [], reasoning: [] }, {}],
    [{ mirostat: 0, mirostat_tau: 5, mirostat_eta: 0.1 }, {}],
    [{ samplers: 'edskypmxt', dry_base: 1.75, dry_allowed_length: 2, xtc_threshold: 0.1, xtc_probability: 0 }, {}]
  ]
  for (const [fields, same] of cases) t.strictSame(ask(fields), ask(same), JSON.stringify(fields))
  for (const fields of [
    { thinkingBudget: 7 }, { budget_tokens: 7 }, { thinkingConfig: { thinkingBudget: 7 } }, { max_thinking_tokens: 7 }
  ]) t.strictSame(ask(fields).thinking, { field: Object.keys(fields)[0], amount: 7 }, JSON.stringify(fields))
  t.strictSame(ask({ think: true }).thinking, { field: 'think', amount: 'on' }, 'errors name the field that was sent')
})

t.test('a mistaken name of a field that changes the answer is refused with the right one', async t => {
  for (const [name, suggestion] of [
    ['max_tokns', 'max_tokens'], ['temprature', 'temperature'], ['maxTokenz', 'max_tokens'], ['tool', 'tools'],
    ['repition_penalty', 'repetition_penalty']
  ] as const) {
    t.match(refusalOf(() => ask({ [name]: 1 })), { code: 'UNKNOWN_FIELD', details: { field: name, suggestion } })
  }
  for (const name of ['mode', 'chat_id', 'session', 'title', 'usr', 'x'.repeat(50)]) {
    t.strictSame(ask({ [name]: 'x' }), ask({}), name)
  }
  t.match(refusalOf(() => ask({ anything: { at: [URI] } })), { details: { field: 'anything' } }, 'an image')
})

t.test('a fault names the field that the client sent', async t => {
  const cases: Array<[fields: object, field: string]> = [
    [{ think: 'maybe' }, 'think'], [{ repetition_penalty: 3 }, 'repetition_penalty'], [{ topP: 2 }, 'topP'],
    [{ guided_json: 'x' }, 'guided_json'], [{ json_schema: true }, 'json_schema'], [{ format: 'xml' }, 'format'],
    [{ output_config: { effort: 'low' } }, 'output_config.effort'], [{ maxTokens: 'x' }, 'maxTokens']
  ]
  for (const [fields, field] of cases) t.equal(refusalOf(() => ask(fields)).details.field, field)
})
