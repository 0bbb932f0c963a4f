import t from 'tap'
import { TOOLS_MAX } from '../../../schemas/limits.ts'
import type { ToolSyntax } from '../../../services/engine/engine.ts'
import { parseCompletionRequest, toCompletionQuestion } from '../../../services/openai/request.ts'
import { errorOf, refusalOf } from '../refusal.ts'

const SYNTAX: ToolSyntax = { form: 'xml', open: '<call>', close: '</call>' }
const MESSAGES = [{ role: 'user', content: 'Hi' }]
const FORMAT = { type: 'json_schema', json_schema: { name: 'colour', schema: { enum: ['red'] } } }

const tool = (name: string, more: object = {}) => ({ type: 'function', function: { name, ...more } })
const choose = (name: string) => ({ type: 'function', function: { name } })

const parse = (more: object) => parseCompletionRequest({ model: 'tiny', messages: MESSAGES, ...more })
const ask = (more: object, syntax: ToolSyntax | null = SYNTAX) => toCompletionQuestion(parse(more), syntax).question
/** The field and the fault of a refusal with 400 INVALID_FIELD. */
function faultOf (more: object): [field: unknown, fault: string] {
  const { code, status, message, details: { field } } = refusalOf(() => ask(more))
  const beginning = `Field "${String(field)}" `
  if (code !== 'INVALID_FIELD' || status !== 400 || !message.startsWith(beginning)) throw new Error(message)
  return [field, message.slice(beginning.length)]
}

t.test('a body that is not an object is refused', async t => {
  for (const body of [null, undefined, 5, 'Hi', [], [{ model: 'tiny', messages: MESSAGES }]]) {
    t.match(refusalOf(() => parseCompletionRequest(body)), {
      code: 'INVALID_JSON', status: 400, message: /it must be an object/
    }, JSON.stringify(body))
  }
})

t.test('a model and messages are enough; everything else has defaults', async t => {
  t.strictSame(ask({}), {
    turns: [{ role: 'user', parts: [{ type: 'text', text: 'Hi' }] }],
    tools: [],
    maxTokens: 1024,
    thinking: null,
    stop: [],
    constraint: null,
    singleCall: false,
    sampling: {
      temperature: undefined,
      topP: undefined,
      topK: undefined,
      minP: undefined,
      repeatPenalty: undefined,
      frequencyPenalty: undefined,
      presencePenalty: undefined,
      seed: undefined
    }
  })
})

t.test('a field that is null counts as not given', async t => {
  const nulls = Object.fromEntries([
    'stream', 'stream_options', 'max_completion_tokens', 'max_tokens', 'stop', 'temperature', 'top_p', 'top_k', 'min_p',
    'repeat_penalty', 'frequency_penalty', 'presence_penalty', 'seed', 'response_format', 'tools', 'tool_choice',
    'parallel_tool_calls', 'n', 'logprobs', 'top_logprobs', 'logit_bias', 'modalities', 'audio', 'functions',
    'function_call', 'user'
  ].map(name => [name, null]))
  t.strictSame(parse(nulls), { model: 'tiny', messages: MESSAGES })
  t.strictSame(faultOf({ model: null }), ['model', 'is required'])
  t.strictSame(faultOf({ messages: null }), ['messages', 'must be a list with at least one message'])
})

t.test('fields of the OpenAI API that change nothing are ignored', async t => {
  t.strictSame(ask({ user: 'me', store: true, metadata: { a: 1 }, service_tier: 'auto', constructor: 1 }), ask({}))
})

t.test('a field at fault is named', async t => {
  const cases: Array<[body: object, field: string, fault: string]> = [
    [{ model: undefined }, 'model', 'is required'],
    [{ model: 5 }, 'model', 'is required'],
    [{ messages: 'Hi' }, 'messages', 'must be a list with at least one message'],
    [{ messages: [] }, 'messages', 'must be a list with at least one message'],
    [{ stream: 'yes' }, 'stream', 'must be true or false'],
    [{ stream_options: [1] }, 'stream_options', 'must be an object'],
    [{ stream_options: { foo: 1 } }, 'stream_options.foo', 'is unknown'],
    [{ stream_options: { include_usage: 1 } }, 'stream_options.include_usage', 'must be true or false'],
    [{ max_tokens: 0 }, 'max_tokens', 'must be >= 1'],
    [{ max_tokens: '5' }, 'max_tokens', 'must be an integer'],
    [{ max_completion_tokens: 1.5 }, 'max_completion_tokens', 'must be an integer'],
    [{ temperature: 2.1 }, 'temperature', 'must be <= 2'],
    [{ temperature: -0.1 }, 'temperature', 'must be >= 0'],
    [{ top_p: 1.1 }, 'top_p', 'must be <= 1'],
    [{ top_k: -2 }, 'top_k', 'must be >= 0'],
    [{ min_p: -1 }, 'min_p', 'must be >= 0'],
    [{ repeat_penalty: 0.4 }, 'repeat_penalty', 'must be >= 0.5'],
    [{ frequency_penalty: 2.1 }, 'frequency_penalty', 'must be <= 2'],
    [{ presence_penalty: -2.1 }, 'presence_penalty', 'must be >= -2'],
    [{ seed: 0.5 }, 'seed', 'must be an integer'],
    [{ stop: 5 }, 'stop', 'must be a string'],
    [{ stop: Array.from({ length: 17 }, (_, i) => `${i}`) }, 'stop', 'must not have more than 16 items'],
    [{ stop: 'x'.repeat(101) }, 'stop', 'must not have more than 100 characters'],
    [{ response_format: { type: 'xml' } }, 'response_format.type', 'must be one of text, json_object, json_schema'],
    [{ response_format: { type: 'json_object', more: 1 } }, 'response_format.more', 'is unknown'],
    [{ parallel_tool_calls: 0 }, 'parallel_tool_calls', 'must be true or false']
  ]
  for (const [body, field, fault] of cases) t.strictSame(faultOf(body), [field, fault], JSON.stringify(body))
})

t.test('fields that would change the answer are refused, unless they have the value that changes nothing', async t => {
  const harmless = {
    n: 1, logprobs: false, top_logprobs: 0, logit_bias: {}, modalities: ['text'], functions: [], function_call: 'none'
  }
  t.strictSame(ask(harmless), ask({}))
  t.strictSame(ask({ modalities: [] }), ask({}))
  t.strictSame(ask({ logprobs: 0 }), ask({}))
  const probabilities = 'is not supported: the sampler does not report the probabilities of the model'
  const cases: Array<[name: string, values: unknown[], fault: string]> = [
    ['n', [2, 0, '1'], 'must be 1: a request has one answer'],
    ['logprobs', [true, 'false', 5], probabilities],
    ['top_logprobs', [3, '0', false], probabilities],
    ['logit_bias', [{ 50_256: -100 }, 5], 'is not supported'],
    ['modalities', [['text', 'audio'], 'text', {}], 'must be ["text"]'],
    ['audio', [{ voice: 'alloy' }, false], 'is not supported'],
    ['functions', [[{ name: 'look' }]], 'is not supported; use "tools"'],
    ['function_call', [{ name: 'look' }], 'is not supported; use "tool_choice"']
  ]
  for (const [name, values, fault] of cases) {
    for (const value of values) {
      t.strictSame(faultOf({ [name]: value }), [name, fault], `${name}: ${JSON.stringify(value)}`)
    }
  }
})

t.test('the settings of the answer reach the question', async t => {
  const { maxTokens, stop, sampling } = ask({
    max_tokens: 7,
    stop: 'END',
    temperature: 0,
    top_p: 0.5,
    top_k: 0,
    min_p: 0,
    repeat_penalty: 1.5,
    frequency_penalty: -2,
    presence_penalty: 2,
    seed: 5
  })
  t.equal(maxTokens, 7)
  t.strictSame(stop, ['END'])
  t.strictSame(sampling, {
    temperature: 0,
    topP: 0.5,
    topK: 0,
    minP: 0,
    repeatPenalty: 1.5,
    frequencyPenalty: -2,
    presencePenalty: 2,
    seed: 5
  })
  t.equal(ask({ max_tokens: 9, max_completion_tokens: 9 }).maxTokens, 9)
  t.throws(() => ask({ max_tokens: 7, max_completion_tokens: 9 }), { message: /contradicts "max_tokens"/ })
  t.strictSame(ask({ stop: ['a', 'b'] }).stop, ['a', 'b'])
})

t.test('a top_p of 0 means the most likely token', async t => {
  t.match(ask({ top_p: 0, temperature: 1.5 }).sampling, { temperature: 0, topP: undefined })
})

t.test('any integer but -1 is a seed; the sampler gets its lower 32 bits', async t => {
  for (const [seed, expected] of [[-2, 4_294_967_294], [2 ** 32 + 3, 3], [0, 0], [-1, undefined]] as const) {
    t.equal(ask({ seed }).sampling.seed, expected)
  }
})

t.test('a response format constrains the answer, with and without stop strings', async t => {
  t.strictSame(ask({ response_format: FORMAT }).constraint, { type: 'format', format: FORMAT })
  t.equal(ask({ response_format: { type: 'text' }, stop: 'a' }).constraint, null)
  t.match(ask({ response_format: FORMAT, stop: 'a' }), { constraint: { type: 'format', format: FORMAT }, stop: ['a'] })
  t.strictSame(ask({ response_format: FORMAT, stop: [] }).constraint, { type: 'format', format: FORMAT })
})

t.test('tools reach the question; by default the model decides whether it calls one', async t => {
  const parameters = { type: 'object', properties: { at: { type: 'integer' } } }
  const tools = [tool('look', { description: 'Looks', parameters, strict: true }), tool('stop')]
  for (const choice of [undefined, null, 'auto']) {
    const { tools: offered, constraint, singleCall } = ask({ tools, tool_choice: choice })
    t.strictSame(offered, [
      { name: 'look', description: 'Looks', parameters },
      { name: 'stop', description: undefined, parameters: undefined }
    ])
    t.strictSame([constraint, singleCall], [null, false])
  }
  t.equal(ask({ tools, parallel_tool_calls: false }).singleCall, true)
  t.strictSame(ask({ tools: [] }).tools, [])
})

t.test('with tool_choice none the model gets no tools, and a response format is allowed', async t => {
  const { tools, constraint, singleCall } =
    ask({ tools: [tool('look')], tool_choice: 'none', response_format: FORMAT, parallel_tool_calls: false })
  t.strictSame([tools, constraint, singleCall], [[], { type: 'format', format: FORMAT }, false])
  t.strictSame(ask({ tool_choice: 'none' }), ask({}), 'without tools, too')
})

t.test('tool_choice demands a call of any tool, or of one', async t => {
  const tools = [tool('look', { strict: true }), tool('stop')]
  const names = (choice: unknown) => {
    const { constraint } = ask({ tools, tool_choice: choice })
    return constraint?.type === 'call' ? constraint.tools.map(({ field, name, strict }) => [field, name, strict]) : null
  }
  t.strictSame(names('required'), [['tools[0]', 'look', true], ['tools[1]', 'stop', false]])
  t.strictSame(names(choose('stop')), [['tools[1]', 'stop', false]])
  t.equal(ask({ tools, tool_choice: choose('stop') }).tools.length, 2, 'the model still sees all tools')
})

t.test('a tool_choice that cannot be met is refused', async t => {
  const tools = [tool('look')]
  const invalid = 'must be none, auto, required or a function'
  const none = 'must name one of "tools"'
  const cases: Array<[choice: unknown, field: string, fault: string]> = [
    ['always', 'tool_choice', invalid],
    [5, 'tool_choice', invalid],
    [[], 'tool_choice', invalid],
    [{}, 'tool_choice', invalid],
    [{ type: 'tool', function: { name: 'look' } }, 'tool_choice', invalid],
    [{ type: 'function' }, 'tool_choice.function.name', none],
    [{ type: 'function', function: 'look' }, 'tool_choice.function.name', none],
    [{ type: 'function', function: {} }, 'tool_choice.function.name', none],
    [choose('fly'), 'tool_choice.function.name', none]
  ]
  for (const [choice, field, fault] of cases) {
    t.strictSame(faultOf({ tools, tool_choice: choice }), [field, fault], JSON.stringify(choice))
  }
  for (const choice of ['auto', 'required', choose('look')]) {
    const alone = { tools: [], tool_choice: choice }
    if (choice === 'auto') t.strictSame(ask(alone), ask({}), 'without tools none can be chosen')
    else t.strictSame(faultOf(alone), ['tool_choice', 'requires "tools"'])
    t.strictSame(faultOf({ tools, tool_choice: choice, response_format: FORMAT }), [
      'response_format', 'cannot be combined with "tools" unless "tool_choice" is "none"'
    ])
  }
})

t.test('a tool at fault is named', async t => {
  const cases: Array<[tools: unknown, field: string, fault: string]> = [
    ['look', 'tools', 'must be a list of tools'],
    [{}, 'tools', 'must be a list of tools'],
    [Array.from({ length: TOOLS_MAX + 1 }, (_, i) => tool(`t${i}`)), 'tools', 'has 129 tools; the limit is 128'],
    [[5], 'tools[0]', 'must be an object'],
    [[{ type: 'retrieval', function: { name: 'a' } }], 'tools[0].type', 'must be "function"'],
    [[{ type: 'function' }], 'tools[0]', 'must have "function"'],
    [[{ type: 'function', function: {} }], 'tools[0].function.name', 'must have 1 to 64 letters, digits, _ or -'],
    [[tool('look at')], 'tools[0].function.name', 'must have 1 to 64 letters, digits, _ or -'],
    [[tool('look', { description: 5 })], 'tools[0].function.description', 'must be a string'],
    [[tool('look', { parameters: true })], 'tools[0].function.parameters', 'must be an object'],
    [[tool('look', { strict: 'yes' })], 'tools[0].function.strict', 'must be true or false'],
    [[tool('look'), tool('stop'), tool('look')], 'tools[2].function.name', 'is given more than once']
  ]
  for (const [tools, field, fault] of cases) {
    t.strictSame(faultOf({ tools }), [field, fault], JSON.stringify(tools).slice(0, 100))
    t.strictSame(faultOf({ tools, tool_choice: 'none' }), [field, fault], 'also if no tool may be called')
  }
  const tools = Array.from({ length: TOOLS_MAX }, (_, i) => tool(`t${i}`))
  t.equal(ask({ tools }).tools.length, 128)
  t.equal(ask({ tools: [tool('look', { strict: null })] }).tools.length, 1)
})

t.test('a model that cannot call tools refuses tools and earlier calls', async t => {
  const call = { id: '1', function: { name: 'look', arguments: '{}' } }
  const messages = [...MESSAGES, { role: 'assistant', tool_calls: [call] }]
  for (const body of [{ tools: [tool('look')] }, { messages }]) {
    t.equal(errorOf(() => ask(body, null)).code, 'TOOLS_NOT_SUPPORTED')
  }
  t.strictSame(ask({ tools: [tool('look')], tool_choice: 'none' }, null), ask({}, null))
})
