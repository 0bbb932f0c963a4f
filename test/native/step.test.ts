import { getLlama } from 'node-llama-cpp'
import path from 'node:path'
import t from 'tap'
import { DEMO } from '../../models/presets.ts'
import { Decoder, addonModel } from '../../native/node-llama-cpp.ts'
import { NOT_ASKED, loadBridge, type SamplerOptions, type StepItem } from '../../native/vision.ts'
import { ROOT } from '../../config/root.ts'

const SEQUENCES = 5
const CELLS = 256
const BATCH = 64

const llama = await getLlama({ gpu: false, build: 'never', skipDownload: true })
const model = await llama.loadModel({ modelPath: path.join(ROOT, DEMO.model) })
const context = await model.createContext({ sequences: SEQUENCES, contextSize: CELLS, batchSize: BATCH, threads: 2 })
const bridge = await loadBridge(false)
const decoder = new Decoder(bridge, model, context, { threads: 2, reproducible: false })
t.teardown(() => llama.dispose())

const neutral: SamplerOptions = {
  temperature: 0,
  topK: 0,
  topP: 1,
  minP: 0,
  seed: 1,
  penaltyWindow: 0,
  repeatPenalty: 1,
  frequencyPenalty: 0,
  presencePenalty: 0,
  grammar: null
}
const createSampler = (options: Partial<SamplerOptions> = {}) =>
  new bridge.Sampler(addonModel(model), { ...neutral, ...options })
const prompt = (text: string) =>
  model.tokenize(`<|im_start|>user\n${text}<|im_end|>\n<|im_start|>assistant\n`, true) as number[]

/** An answer in a sequence, generated step by step. */
class Answer {
  readonly sequence: number
  readonly given: number[] = []
  #position = 0
  #tokens: number[]
  readonly #sampler

  constructor (sequence: number, text: string, options: Partial<SamplerOptions> = {}) {
    this.sequence = sequence
    this.#tokens = prompt(text)
    this.#sampler = createSampler(options)
  }

  get item (): StepItem {
    return { sequence: this.sequence, position: this.#position, tokens: this.#tokens, sampler: this.#sampler }
  }

  take (token: number): void {
    this.#position += this.#tokens.length
    this.#tokens = [token]
    this.given.push(token)
  }
}

async function run (answers: Answer[], steps: number): Promise<void> {
  for (let i = 0; i < steps; i++) {
    const tokens = await decoder.step(answers.map(answer => answer.item))
    for (const [index, answer] of answers.entries()) answer.take(tokens[index]!)
  }
}

const forgetAll = async () => {
  for (let sequence = 0; sequence < SEQUENCES; sequence++) await decoder.forget(sequence, 0)
}
t.beforeEach(forgetAll)

const questions = ['What is in the picture?', 'Hello', '你好', 'Compare picture 1 and picture 2.', 'Count to five.']

/** Returns the answer to each question when it runs alone. */
async function alone (): Promise<number[][]> {
  const answers: number[][] = []
  for (const question of questions) answers.push(await answerOf(question, 12))
  return answers
}

async function answerOf (question: string, steps: number, options: Partial<SamplerOptions> = {}): Promise<number[]> {
  await forgetAll()
  const answer = new Answer(0, question, options)
  await run([answer], steps)
  await forgetAll()
  return answer.given
}

t.test('several answers in one batch, in any order, equal those that run alone', async t => {
  const expected = await alone()
  t.equal(new Set(expected.map(String)).size > 1, true, 'they differ')
  const answers = [3, 0, 4, 2, 1].map(sequence => new Answer(sequence, questions[sequence]!))
  await run(answers, 12)
  for (const { sequence, given } of answers) t.same(given, expected[sequence])
})

t.test('a gap between sequences is filled without a trace in the sequences of the gap', async t => {
  const expected = await alone()
  const resting = new Answer(2, questions[2]!)
  await run([resting], 5)
  const answers = [0, 1, 3].map(sequence => new Answer(sequence, questions[sequence]!))
  await run(answers, 12)
  for (const { sequence, given } of answers) t.same(given, expected[sequence])
  await run([resting], 7)
  t.same(resting.given, expected[2], 'the sequence in the gap continues correctly')

  await forgetAll()
  const empty = new Answer(4, questions[4]!)
  await run([new Answer(2, 'Hi'), empty], 12)
  t.same(empty.given, expected[4])
})

t.test('works without a filler if the sequence in the gap is full', async t => {
  const expected = await alone()
  for (let position = 0; position < CELLS; position += BATCH) {
    await decoder.step([{ sequence: 1, position, tokens: Array.from({ length: BATCH }, () => 100), sampler: null }])
  }
  const answers = [0, 2].map(sequence => new Answer(sequence, questions[sequence]!))
  await run(answers, 12)
  for (const { sequence, given } of answers) t.same(given, expected[sequence])
})

t.test('uses as many batches as the tokens need', async t => {
  const long = 'red circle '.repeat(15)
  const expected = new Answer(0, long)
  t.ok(expected.item.tokens.length > BATCH / 2 && expected.item.tokens.length <= BATCH)
  await run([expected], 8)
  await forgetAll()
  const answers = Array.from({ length: SEQUENCES }, (_, sequence) => new Answer(sequence, long))
  await run(answers, 8)
  for (const { given } of answers) t.same(given, expected.given)
})

t.test('only evaluates without a sampler', async t => {
  const tokens = prompt(questions[0]!)
  t.same(await decoder.step([{ sequence: 3, position: 0, tokens: tokens.slice(0, -1), sampler: null }]), [NOT_ASKED])
  const [token] = await decoder.step([
    { sequence: 3, position: tokens.length - 1, tokens: tokens.slice(-1), sampler: createSampler() }
  ])
  const whole = new Answer(0, questions[0]!)
  await run([whole], 1)
  t.equal(token, whole.given[0])
})

t.test('removes the end of a sequence and continues from the rest', async t => {
  const answer = new Answer(1, questions[0]!)
  const { length } = answer.item.tokens
  await run([answer], 6)
  t.equal(await decoder.forget(1, length - 1), true)
  const again = { sequence: 1, position: length - 1, tokens: prompt(questions[0]!).slice(-1), sampler: createSampler() }
  t.same(await decoder.step([again]), answer.given.slice(0, 1))
})

t.test('samples by temperature and seed', async t => {
  const draw = async (options: Partial<SamplerOptions>) =>
    String(await answerOf(questions[1]!, 16, { temperature: 2, ...options }))
  const first = await draw({ seed: 1 })
  t.equal(await draw({ seed: 1 }), first)
  const others = [await draw({ seed: 2 }), await draw({ seed: 3 }), await draw({ seed: 4_294_967_294 })]
  t.equal(new Set([first, ...others]).size, 4, 'another seed gives another answer')
  const likeliest = String(await answerOf(questions[1]!, 16))
  for (const narrow of [{ topK: 1 }, { topP: 0.000_001 }, { minP: 1 }]) {
    t.equal(await draw(narrow), likeliest, `${Object.keys(narrow)} leaves the most likely token`)
  }
})

t.test('penalties apply only to tokens of the answer within their window', async t => {
  const usual = await answerOf(questions[0]!, 30)
  t.ok(new Set(usual).size < usual.length)
  const never = await answerOf(questions[0]!, 30, { penaltyWindow: 2048, presencePenalty: 100 })
  t.equal(new Set(never).size, never.length, 'no token twice')
  t.equal(never[0], usual[0], 'the first token has no penalty')
  t.same(await answerOf(questions[0]!, 30, { presencePenalty: 100 }), usual, 'an empty window')
  const short = await answerOf(questions[0]!, 30, { penaltyWindow: 2, presencePenalty: 100 })
  t.ok(
    short.every((token, index) => !short.slice(Math.max(0, index - 2), index).includes(token)), 'none of the last two'
  )
  t.ok(new Set(short).size < short.length)
})

t.test('obeys a grammar', async t => {
  const answer = new Answer(0, questions[0]!, { grammar: 'root ::= "yes" | "no"' })
  const text: string[] = []
  for (let i = 0; i < 8 && !text.includes(''); i++) {
    const [token] = await decoder.step([answer.item])
    text.push(model.isEogToken(token as never) ? '' : model.detokenize([token as never]))
    answer.take(token!)
  }
  t.match(text.join(''), /^(yes|no)$/)
  t.equal(text.at(-1), '', 'the answer ends with the grammar')
})

t.test('after the end of a grammar, only its own answer ends', async t => {
  const sampler = createSampler({ grammar: 'root ::= "a"' })
  const [a] = model.tokenize('a') as number[]
  const first = prompt('Say a.')
  const other = new Answer(1, questions[1]!)
  const [token, free] = await decoder.step([{ sequence: 0, position: 0, tokens: first, sampler }, other.item])
  t.equal(token, a)
  other.take(free!)
  for (const last of [a!, 100, 100]) {
    const position = first.length + other.given.length - 1
    const [end, next] = await decoder.step([{ sequence: 0, position, tokens: [last], sampler }, other.item])
    t.ok(model.isEogToken(end as never))
    other.take(next!)
  }
  t.same(other.given, (await alone())[1]!.slice(0, 4))
})

t.test('rejects arguments that fail assertions in llama.cpp', async t => {
  const sampler = createSampler()
  const good: StepItem = { sequence: 0, position: 0, tokens: [1], sampler }
  const { _ctx: ctx } = context as unknown as { _ctx: never }
  const step = (...items: unknown[]) => bridge.step(ctx, items as StepItem[], 0, 1, null)
  for (const [fault, message] of [
    [{ sequence: SEQUENCES }, /No such sequence: 5/],
    [{ sequence: -1 }, /No such sequence: -1/],
    [{ position: -1 }, /position is negative/],
    [{ tokens: [] }, /has no tokens, or more than a batch/],
    [{ tokens: Array.from({ length: BATCH + 1 }, () => 1) }, /more than a batch/],
    [{ tokens: [-1] }, /No such token: -1/],
    [{ tokens: [10_000_000] }, /No such token/],
    [{ sampler: {} }, /Expected a Sampler/]
  ] as const) t.throws(() => step({ ...good, ...fault }), { message })
  t.throws(() => step(good, good), { message: /not in ascending order/ })
  t.throws(() => createSampler({ grammar: 'root ::= nothing-of-the-kind' }), { message: /cannot parse the grammar/ })
  t.throws(() => createSampler({ temperature: NaN }), { message: /temperature must be a number/ })
  t.throws(() => createSampler({ repeatPenalty: 0 }), { message: /repeatPenalty/ })
  t.same(await decoder.step([good]).then(tokens => tokens.length), 1, 'the context remains usable')
})

t.test('cancelled text leaves nothing in its sequence, and earlier content stays', async t => {
  const [question, answer] = [questions[0]!, (await alone())[0]!]
  await forgetAll()
  const tokens = prompt(question)
  const never = new AbortController().signal
  await decoder.decodeText(0, 0, tokens.slice(0, 3), never)
  const reason = new Error('the client left')
  const rows = Array.from({ length: BATCH }, () => 100)
  for (let round = 0; round < 20; round++) {
    // The decoding lane is busy with another sequence when the signal fires.
    const other = decoder.decodeText(1, 0, rows, never)
    const controller = new AbortController()
    const given = decoder.decodeText(0, 3, tokens.slice(3, -1), controller.signal)
    controller.abort(reason)
    await t.rejects(given, reason)
    await other
    await decoder.forget(1, 0)
  }
  await t.rejects(decoder.decodeText(0, 3, tokens.slice(3, -1), AbortSignal.abort(reason)), reason)

  await decoder.decodeText(0, 3, tokens.slice(3, -1), never)
  const sampler = createSampler()
  let next = tokens.slice(-1)
  const text: number[] = []
  for (let position = tokens.length - 1; text.length < 12; position++) {
    next = await decoder.step([{ sequence: 0, position, tokens: next, sampler }])
    text.push(...next)
  }
  t.same(text, answer)
})

t.test('text that cannot be evaluated is an error, not an abort', async t => {
  const rows = Array.from({ length: BATCH }, () => 100)
  const controller = new AbortController()
  const evaluate = async (position: number) => await decoder.decodeText(0, position, rows, controller.signal)
  for (let position = 0; position < CELLS; position += BATCH) await evaluate(position)
  await t.rejects(evaluate(CELLS), { message: /no free cells/ })
})

t.test('an error of llama.cpp rejects', async t => {
  const rows = Array.from({ length: BATCH }, () => 100)
  for (let position = 0; position < CELLS; position += BATCH) {
    await decoder.step([
      { sequence: 0, position, tokens: rows, sampler: null }
    ])
  }
  await t.rejects(decoder.step([{ sequence: 0, position: CELLS, tokens: [1], sampler: null }]), {
    message: 'The KV cache has no free cells'
  })
})
