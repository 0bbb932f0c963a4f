import t from 'tap'
import { parseCompletionRequest } from '../../../services/openai/request.ts'
import { readThinking } from '../../../services/openai/thinking.ts'
import { refusalOf } from '../refusal.ts'

const read = (fields: object) => readThinking(
  parseCompletionRequest({ model: 'tiny', messages: [{ role: 'user', content: 'Hi' }], ...fields })
)

t.test('a request without such fields does not say how much to think', async t => {
  for (const fields of [
    {}, { reasoning_effort: null }, { chat_template_kwargs: {} }, { chat_template_kwargs: { enable_thinking: null } },
    { reasoning: {} }, { reasoning: { effort: null, exclude: false, summary: 'auto' } }, { thinking: {} }
  ]) t.equal(read(fields), null, JSON.stringify(fields))
})

t.test('the fields of several servers are understood', async t => {
  const cases: Array<[object, string, unknown]> = [
    [{ reasoning_effort: 'none' }, 'reasoning_effort', 'off'],
    [{ reasoning_effort: 'low' }, 'reasoning_effort', 'low'],
    [{ reasoning_effort: 'max' }, 'reasoning_effort', 'on'],
    [{ chat_template_kwargs: { enable_thinking: true } }, 'chat_template_kwargs.enable_thinking', 'on'],
    [{ chat_template_kwargs: { enable_thinking: false } }, 'chat_template_kwargs.enable_thinking', 'off'],
    [{ enable_thinking: true }, 'enable_thinking', 'on'],
    [{ thinking_budget: 300 }, 'thinking_budget', 300],
    [{ thinking_budget: -1 }, 'thinking_budget', 'on'],
    [{ thinking_token_budget: 300 }, 'thinking_token_budget', 300],
    [{ thinking_budget_tokens: 300 }, 'thinking_budget_tokens', 300],
    [{ reasoning_budget_tokens: 300 }, 'reasoning_budget_tokens', 300],
    [{ reasoning: { effort: 'high' } }, 'reasoning.effort', 'high'],
    [{ reasoning: { max_tokens: 300 } }, 'reasoning.max_tokens', 300],
    [{ reasoning: { enabled: true } }, 'reasoning.enabled', 'on'],
    [{ thinking: { type: 'disabled' } }, 'thinking.type', 'off'],
    [{ thinking: 'on' }, 'thinking.type', 'on'],
    [{ thinking: 300 }, 'thinking.budget_tokens', 300],
    [{ think: true }, 'reasoning.enabled', 'on'],
    [{ think: 'low' }, 'reasoning.effort', 'low'],
    [{ reasoning_budget: 300 }, 'thinking_budget', 300],
    [{ thinking: { type: 'enabled', budget_tokens: 300 } }, 'thinking.budget_tokens', 300]
  ]
  for (const [fields, field, amount] of cases) t.same(read(fields), { field, amount }, JSON.stringify(fields))
})

t.test('an amount says more than a switch', async t => {
  t.same(read({ enable_thinking: true, thinking_budget: 300 }), { field: 'thinking_budget', amount: 300 })
  t.same(read({ chat_template_kwargs: { enable_thinking: true }, reasoning_effort: 'low' }), {
    field: 'reasoning_effort', amount: 'low'
  })
  t.same(read({ reasoning_effort: 'low', reasoning: { effort: 'low' } }), { field: 'reasoning_effort', amount: 'low' })
  t.same(read({ enable_thinking: false, reasoning_effort: 'none', thinking_budget: 0 }), {
    field: 'reasoning_effort', amount: 'off'
  })
})

t.test('fields that contradict each other are refused', async t => {
  const cases: Array<[object, string, string]> = [
    [{ enable_thinking: false, reasoning_effort: 'high' }, 'reasoning_effort', 'enable_thinking'],
    [{ chat_template_kwargs: { enable_thinking: true }, enable_thinking: false }, 'enable_thinking',
      'chat_template_kwargs.enable_thinking'],
    [{ chat_template_kwargs: { enable_thinking: true }, reasoning_effort: 'none' }, 'reasoning_effort',
      'chat_template_kwargs.enable_thinking'],
    [{ reasoning_effort: 'high', thinking_budget: 300 }, 'thinking_budget', 'reasoning_effort'],
    [{ thinking_budget: 200, thinking_token_budget: 300 }, 'thinking_token_budget', 'thinking_budget']
  ]
  for (const [fields, field, other] of cases) {
    t.match(refusalOf(() => read(fields)), {
      code: 'INVALID_FIELD', status: 400, message: `Field "${field}" contradicts "${other}"`, details: { field }
    }, JSON.stringify(fields))
  }
})

t.test('values and arguments of the template that cannot be obeyed are refused by name', async t => {
  const cases: Array<[object, string, RegExp]> = [
    [{ reasoning_effort: 'huge' }, 'reasoning_effort', /none, minimal, low, medium, high, xhigh or max/],
    [{ chat_template_kwargs: { preserve_thinking: true } }, 'chat_template_kwargs.preserve_thinking', /unknown/],
    [{ chat_template_kwargs: { enable_thinking: 'no' } }, 'chat_template_kwargs.enable_thinking', /true or false/],
    [{ thinking_budget: 1.5 }, 'thinking_budget', /integer/],
    [{ thinking_budget: -2 }, 'thinking_budget', />= -1/],
    [{ reasoning: { exclude: true } }, 'reasoning.exclude', /not supported/],
    [{ reasoning: { depth: 3 } }, 'reasoning.depth', /unknown/],
    [{ thinking: { type: 'maybe' } }, 'thinking.type', /enabled or disabled/],
    [{ reasoning: { effort: 'huge' } }, 'reasoning.effort', /none, minimal/]
  ]
  for (const [fields, field, message] of cases) {
    t.match(refusalOf(() => read(fields)), { code: 'INVALID_FIELD', status: 400, message, details: { field } }, field)
  }
})
