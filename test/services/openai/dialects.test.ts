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
/** The images of one user message, as the service fetches or decodes them. */
const imagesOf = (message: object) => read({ messages: [{ role: 'user', ...message }] }).images
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
  t.match(refusalOf(() => ask({ think: true, reasoningEffort: 'none' })).message, 'Field "think" contradicts')
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

t.test('images in the shapes of many clients are found, at the place where they are written', async t => {
  const content = 'messages[0].content[0]'
  const forms: Array<[client: string, message: object, uri: string, field: string]> = [
    ['OpenAI', { content: [{ type: 'image_url', image_url: { url: URI } }] }, URI, `${content}.image_url.url`],
    ['LangChain, Frigate', { content: [{ type: 'image_url', image_url: URI }] }, URI, `${content}.image_url`],
    ['Responses', { content: [{ type: 'input_image', image_url: URI }] }, URI, `${content}.image_url`],
    ['Qwen', { content: [{ type: 'image', image: URI }] }, URI, `${content}.image`],
    ['Qwen, no type', { content: [{ image: URI }] }, URI, `${content}.image`],
    ['Qwen, URL', { content: [{ type: 'image', url: 'https://x.example/a.png' }] }, 'https://x.example/a.png', `${content}.url`],
    [
      'Anthropic',
      { content: [{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: BASE64 } }] },
      BASE64, `${content}.source.data`
    ],
    [
      'Anthropic, URL', { content: [{ type: 'image', source: { type: 'url', url: 'https://x.example/a.png' } }] },
      'https://x.example/a.png', `${content}.source.url`
    ],
    [
      'MCP', { content: [{ type: 'image', data: BASE64, mimeType: 'image/png' }] }, BASE64,
      `${content}.data`
    ],
    [
      'raw base64', { content: [{ type: 'image_url', image_url: { url: BASE64 } }] }, BASE64,
      `${content}.image_url.url`
    ],
    ['a URI among texts', { content: ['What is this?', URI] }, URI, 'messages[0].content[1]'],
    ['a part alone', { content: { type: 'image_url', image_url: URI } }, URI, 'messages[0].content.image_url'],
    ['Ollama', { content: 'What is this?', images: [BASE64] }, BASE64, 'messages[0].images[0]'],
    ['Ollama, URI', { content: 'What is this?', images: [URI] }, URI, 'messages[0].images[0]']
  ]
  for (const [client, message, uri, field] of forms) {
    t.strictSame(imagesOf(message), [{ field, uri, remote: true }], client)
  }
  t.strictSame(imagesOf({ content: 'Hi', images: [] }), [])
  t.strictSame(imagesOf({ content: 'Hi', images: null }), [])
})

t.test('texts in the shapes of many clients are read', async t => {
  for (const content of [
    'Hi', ['Hi'], [{ type: 'text', text: 'Hi' }], [{ type: 'input_text', text: 'Hi' }], [{ text: 'Hi' }],
    { type: 'text', text: 'Hi' }, ['H', 'i']
  ]) {
    const { turns } = ask({ messages: [{ role: 'user', content }] })
    const text = turns[0]!.parts.map(part => part.type === 'text' ? part.text : '').join('')
    t.equal(text, 'Hi', JSON.stringify(content))
  }
})

t.test('content that is neither is refused with an example of what is accepted', async t => {
  for (const part of [
    { type: 'input_audio', input_audio: {} }, { type: 'video_url', video_url: { url: URI } }, { type: 'document' },
    { type: 'thinking', thinking: 'hm' }
  ]) {
    t.match(refusalOf(() => ask({ messages: [{ role: 'user', content: [part] }] })), {
      code: 'INVALID_FIELD',
      message: /"image_url": \{"url": "data:image/,
      details: { field: 'messages[0].content[0].type' }
    }, part.type)
  }
  t.match(refusalOf(() => ask({ messages: [{ role: 'user', content: 'Hi', images: URI }] })), {
    details: { field: 'messages[0].images' }
  })
})
