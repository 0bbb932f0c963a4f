import t from 'tap'
import { samplerOptions } from '../../../../services/engine/worker/sampler-options.ts'

const QWEN = { temperature: 0.7, topP: 0.8, topK: 20, presencePenalty: 1.5 }
const WHOLE_ANSWER = 2048
const LAST_TOKENS = 64

t.test('a request that sets nothing gets the defaults of the model and a seed of its own', async t => {
  const options = samplerOptions({ sampling: {}, grammar: null }, QWEN)
  const { seed, ...others } = options
  t.strictSame(others, {
    ...QWEN, minP: 0, repeatPenalty: 1, frequencyPenalty: 0, penaltyWindow: WHOLE_ANSWER, grammar: null
  })
  t.not(seed, samplerOptions({ sampling: {}, grammar: null }, QWEN).seed)
})

t.test('the values of the request take precedence, one by one', async t => {
  t.match(samplerOptions({ sampling: { topK: 0, seed: 7, temperature: 1.2 }, grammar: null }, QWEN), {
    temperature: 1.2, topK: 0, topP: 0.8, presencePenalty: 1.5, seed: 7
  })
  t.match(samplerOptions({ sampling: { presencePenalty: 0 }, grammar: null }, QWEN), {
    presencePenalty: 0, penaltyWindow: LAST_TOKENS
  })
})

t.test('the default penalty yields to temperature 0, a grammar and the penalties of the client', async t => {
  const none = { presencePenalty: 0, frequencyPenalty: 0 }
  t.match(samplerOptions({ sampling: { temperature: 0 }, grammar: null }, QWEN), { ...none, repeatPenalty: 1 })
  t.match(samplerOptions({ sampling: {}, grammar: 'root ::= "a"' }, QWEN), { ...none, temperature: 0.7 })
  t.match(samplerOptions({ sampling: { repeatPenalty: 1.3 }, grammar: null }, QWEN), {
    ...none, repeatPenalty: 1.3, penaltyWindow: LAST_TOKENS
  })
  t.match(samplerOptions({ sampling: { frequencyPenalty: 0.5 }, grammar: null }, QWEN), {
    presencePenalty: 0, frequencyPenalty: 0.5, penaltyWindow: WHOLE_ANSWER
  })
})
