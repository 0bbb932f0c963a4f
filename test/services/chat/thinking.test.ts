import t from 'tap'
import { resolveThinking, type ThinkingLimits, type ThinkingWish } from '../../../services/chat/thinking.ts'
import type { ThinkingMode } from '../../../services/engine/engine.ts'
import { refusalOf } from '../refusal.ts'

const LIMITS: ThinkingLimits = {
  usual: 'off', maxTokens: 1000, effortTokens: { minimal: 1, low: 10, medium: 100, high: 1000, xhigh: 5000 }
}

const tokensOf = (amount: ThinkingWish['amount'] | null, mode: ThinkingMode, limits: Partial<ThinkingLimits> = {}) =>
  resolveThinking(
    amount === null ? null : { field: 'thinking', amount }, { thinking: mode, model: 'Tiny' }, { ...LIMITS, ...limits }
  )

t.test('a request says how much an able model thinks', async t => {
  t.equal(tokensOf('off', 'optional'), 0)
  t.equal(tokensOf(0, 'optional'), 0)
  t.equal(tokensOf('on', 'optional'), 1000)
  t.equal(tokensOf(7, 'optional'), 7)
  t.equal(tokensOf(1000, 'optional'), 1000)
  t.equal(tokensOf('low', 'optional'), 10)
  t.equal(tokensOf('xhigh', 'optional'), 1000, 'an effort is lowered to the limit')
})

t.test('the setting applies to requests that do not say it', async t => {
  t.equal(tokensOf(null, 'optional'), 0)
  t.equal(tokensOf(null, 'optional', { usual: 'on' }), 1000)
  t.equal(tokensOf(null, 'optional', { usual: 50 }), 50)
  t.equal(tokensOf(null, 'optional', { usual: 5000 }), 1000)
  t.equal(tokensOf('off', 'optional', { usual: 'on' }), 0)
  t.equal(tokensOf(null, 'never', { usual: 'on' }), 0, 'it is no reason to refuse a request')
  t.equal(tokensOf(null, 'optional', { usual: 'on', maxTokens: 0 }), 0)
})

t.test('a model that always thinks does so within the budget', async t => {
  t.equal(tokensOf(null, 'always'), 1000)
  t.equal(tokensOf('off', 'always'), 1000)
  t.equal(tokensOf(3, 'always'), 3)
  t.equal(tokensOf(0, 'always'), 0)
  t.equal(tokensOf('minimal', 'always'), 1)
  t.equal(tokensOf(null, 'always', { maxTokens: 0 }), 0)
})

t.test('thoughts of a model that cannot think are refused by name', async t => {
  t.equal(tokensOf('off', 'never'), 0)
  for (const amount of ['on', 5, 'high'] as const) {
    t.match(refusalOf(() => tokensOf(amount, 'never')), {
      code: 'THINKING_NOT_SUPPORTED',
      status: 400,
      message: /"thinking".*\(Tiny\) cannot think/,
      details: { field: 'thinking' }
    }, String(amount))
  }
})

t.test('thoughts beyond the bound of the service are refused with the bound', async t => {
  t.match(refusalOf(() => tokensOf(1001, 'optional')), {
    code: 'INVALID_FIELD', message: /at most 1000 \(MAX_THINKING_TOKENS\)/, details: { field: 'thinking', limit: 1000 }
  })
  t.match(refusalOf(() => tokensOf('on', 'optional', { maxTokens: 0 })), {
    code: 'THINKING_NOT_SUPPORTED', message: /MAX_THINKING_TOKENS=0/
  })
})
