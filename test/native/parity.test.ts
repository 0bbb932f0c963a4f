import t from 'tap'
import { compareAnswers, comparePrompts, drawParity } from './parity.ts'
import { DEMO_VISION } from './reference.ts'

const parity = await drawParity(t.testdir(), DEMO_VISION, { count: 100, seed: 20_260, maxTokens: 60 })

t.test('prompts of the embedded model equal those of llama.cpp, token for token', t => comparePrompts(t, parity))

t.test('answers equal those of llama.cpp\'s own helpers, one at a time', t => compareAnswers(t, parity, 1))

t.test('and three at a time', t => compareAnswers(t, parity, 3))
