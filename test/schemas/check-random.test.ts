import t, { type Test } from 'tap'
import type { TSchema } from 'typebox'
import { Value } from 'typebox/value'
import { ChatFormSchema } from '../../schemas/chat.ts'
import { createCheck } from '../../schemas/check.ts'
import { CompletionRequestSchema } from '../../schemas/openai-request.ts'
import { integers } from '../../tools/lib/random.ts'
import { mutateJson, type Below } from '../hostile/mutate.ts'
import { CHAT, COMPLETION, NAMES } from '../hostile/requests.ts'

const CASES = 3000

/** A completion request with the fields that `COMPLETION` has not, and other forms of those that it has. */
const OTHER_COMPLETION = {
  model: 'tiny',
  messages: [
    { role: 'developer', content: 'Be brief' },
    { role: 'assistant', content: [{ type: 'refusal', refusal: 'No' }, { type: 'text', text: 'Sorry' }] },
    { role: 'assistant', tool_calls: [{ id: '1', function: { name: 'look' } }, { id: '2', function: { name: 'go' } }] }
  ],
  tool_choice: { type: 'function', function: { name: 'look' } },
  stop: ['a', 'b'],
  response_format: { type: 'text' },
  max_completion_tokens: 1,
  temperature: 0,
  top_p: 1,
  top_k: 0,
  min_p: 1,
  repeat_penalty: 1,
  frequency_penalty: -2,
  presence_penalty: 2,
  seed: -7,
  parallel_tool_calls: false,
  n: 1,
  logprobs: false,
  top_logprobs: 0,
  logit_bias: {},
  modalities: ['text']
}

/** Mutates a body with a few changes, or none. */
function draw (bodies: readonly object[], index: number): unknown {
  const below: Below = integers(index)
  const body = bodies[index % bodies.length]
  const names = [...NAMES, ...bodies.flatMap(Object.keys), 'audio', 'functions', 'detail', 'json_schema', 'strict']
  return index < bodies.length ? body : mutateJson(body, names, below)
}

/** Whether every step of a place but the last leads to a member of the value. */
function exists (value: unknown, steps: string[]): boolean {
  // A refused tool_choice names the function that it should have named.
  const path = steps[0] === 'tool_choice' ? [] : steps.slice(0, -1)
  const parent = path.reduce<unknown>((inner, step) => Object(inner)[step], value)
  return steps.length === 0 || (typeof parent === 'object' && parent !== null)
}

function compare (t: Test, schema: TSchema, bodies: readonly object[]): void {
  const check = createCheck(schema)
  const counts = { valid: 0, invalid: 0 }
  for (let index = 0; index < CASES; index++) {
    const value = draw(bodies, index)
    const fault = check(value)
    counts[fault ? 'invalid' : 'valid']++
    const isRight = (fault === null) === Value.Check(schema, value) &&
      (fault === null || (exists(value, fault.steps) && fault.phrase.en !== '' && fault.phrase.zh !== ''))
    if (!isRight) {
      t.fail(`case ${index}: ${JSON.stringify(fault)} for ${JSON.stringify(value).slice(0, 3000)}`)
      return
    }
  }
  t.comment(JSON.stringify(counts))
  t.ok(Math.min(counts.valid, counts.invalid) > CASES / 10, 'enough valid and enough invalid values are tried')
}

t.test('the check of a completion request agrees with the validator of TypeBox', async t => {
  compare(t, CompletionRequestSchema, [COMPLETION, OTHER_COMPLETION])
})

t.test('the check of a chat form agrees with the validator of TypeBox', async t => {
  compare(t, ChatFormSchema, [CHAT, { message: 'Hi', response_format: { type: 'json_object' }, stop: [] }])
})
