import { readdirSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { ROOT } from '../../../config/root.ts'
import type { EngineEvent, EngineImage, GenerateRequest, Turn } from '../../../services/engine/engine.ts'
import { prepareExample } from '../../native/reference.ts'
import { createTestEngine } from '../../helper.ts'
import { integers } from '../../../tools/lib/random.ts'
import { writeRecurrentModel } from '../../models/recurrent-model.ts'
import { collect, textOf } from './requests.ts'

type Done = Extract<EngineEvent, { type: 'done' }>

const never = new AbortController().signal
const dir = t.testdir()
const files = readdirSync(path.join(ROOT, 'models/demo/examples')).filter(file => !file.endsWith('.json'))
const examples = await Promise.all(files.map(async (file, index): Promise<EngineImage> => {
  const { id, png, width, height } = await prepareExample(dir, index, file)
  return { id, file: async () => png, original: { width, height }, width, height }
}))
const [heart, other] = examples as [EngineImage, EngineImage]

/** One turn. The user has the first turn. Images are indices in `examples` and precede the text. */
type Said = [text: string, ...images: number[]]

function toRequest (said: Said[], scope = '', maxTokens = 40): GenerateRequest {
  const images: EngineImage[] = []
  const turns = said.map(([text, ...shown], index): Turn => ({
    role: index % 2 === 0 ? 'user' : 'assistant',
    parts: [
      ...shown.map(which => ({ type: 'image' as const, image: images.push(examples[which]!) - 1 })),
      { type: 'text', text }
    ]
  }))
  return { turns, scope, images, tools: [], maxTokens, stop: [], grammar: null, sampling: { temperature: 0 } }
}

let scopes = 0
/** Returns a new scope, in which no prefix can be reused. */
const newScope = () => `scope ${scopes++}`

const doneOf = (events: EngineEvent[]) => events.at(-1) as Done
/** Returns the text of each token, and the finish reason. */
const wordsOf = (events: EngineEvent[]) =>
  [...events.flatMap(event => event.type === 'token' ? [event.text] : []), doneOf(events).finishReason]

const single = await createTestEngine(t, { slots: 1 })
const triple = await createTestEngine(t, { slots: 3 })

t.test('an answer with prefix reuse equals the answer without it, token for token', async t => {
  const random = integers(41)
  const questions = [
    'What is in the picture?', '描述这张图片。', 'How many pictures are there?', 'What colour is the background?',
    'Compare picture 1 and picture 2.', 'Read it.', 'Why?'
  ]
  let warmTurns = 0
  for (let conversation = 0; conversation < 6; conversation++) {
    const said: Said[] = []
    // Every second conversation is long: from 512 cells on, attention uses another code path for single tokens.
    if (conversation % 2 === 1) said.push(['red circle '.repeat(250)], ['Yes.'])
    for (let turn = 0; turn < 4; turn++) {
      const shown = Array.from({ length: turn === 0 ? 1 + random(3) : random(2) }, () => random(examples.length))
      said.push([questions[random(questions.length)]!, ...shown])
      const warm = await collect(triple.generate(toRequest(said), never))
      const cold = await collect(triple.generate(toRequest(said, newScope()), never))
      t.same(wordsOf(warm), wordsOf(cold))
      t.equal(doneOf(cold).usage.cachedTokens, 0)
      t.equal(doneOf(warm).usage.promptTokens, doneOf(cold).usage.promptTokens)
      if (doneOf(warm).usage.cachedTokens > doneOf(warm).usage.promptTokens / 2) warmTurns++
      said.push([textOf(warm)])
      // Sometimes an earlier question changes, and everything after it is replaced.
      if (random(5) === 0) {
        said.splice(
          -2, 2, [`${questions[random(questions.length)]} `, ...said.at(-2)!.slice(1) as number[]], [textOf(warm)]
        )
      }
    }
  }
  t.ok(warmTurns > 4, `${warmTurns} turns reused more than half of their prompt`)
})

t.test('a follow-up question evaluates only itself, and the usage reports it', async t => {
  const ask = async (...said: Said[]) => await collect(single.generate(toRequest(said), never))
  const first = await ask(['What is in picture 2?', 0, 1, 2, 3])
  t.match(doneOf(first), { usage: { cachedTokens: 0 }, cachedImages: [false, false, false, false] })
  const second = await ask(['What is in picture 2?', 0, 1, 2, 3], [textOf(first)], ['And in picture 3?'])
  const { usage, cachedImages } = doneOf(second)
  t.same(cachedImages, [true, true, true, true])
  t.equal(usage.imageTokens, doneOf(first).usage.imageTokens)
  t.equal(usage.cachedTokens, doneOf(first).usage.promptTokens, 'all tokens but those that were generated')
  t.same(second.filter(event => event.type === 'progress' && event.stage === 'encode'), [
    { type: 'progress', stage: 'encode', done: 4, total: 4 }
  ])

  const again = await ask(['What is in picture 2?', 0, 1, 2, 3])
  t.same(wordsOf(again), wordsOf(first), 'regenerated')
  t.equal(
    doneOf(again).usage.cachedTokens, doneOf(first).usage.promptTokens - 2,
    'the last token yields the first token of the answer, and on CPUs it is not evaluated alone'
  )
})

t.test('with flash attention, a follow-up also reuses the answer', async t => {
  const engine = await createTestEngine(t, { slots: 1, flashAttention: 'on' })
  const ask = async (...said: Said[]) => await collect(engine.generate(toRequest(said), never))
  const first = await ask(['What is in the picture?', 0])
  const second = await ask(['What is in the picture?', 0], [textOf(first)], ['What colour is it?'])
  const { promptTokens, completionTokens } = doneOf(first).usage
  t.equal(doneOf(second).usage.cachedTokens, promptTokens + completionTokens)
})

t.test('a conversation continues after the embeddings of its images were evicted', async t => {
  const engine = await createTestEngine(t, { slots: 1, imageCacheBytes: 0 })
  const first = await collect(engine.generate(toRequest([['What is in the picture?', 0]]), never))
  const request = toRequest([['What is in the picture?', 0], [textOf(first)], ['What colour is it?']])
  const warm = await collect(engine.generate({ ...request, images: [{ ...heart, file: undefined }] }, never))
  t.ok(doneOf(warm).usage.cachedTokens > 0)
  await t.rejects(
    collect(engine.generate({ ...request, scope: 'other', images: [{ ...heart, file: undefined }] }, never)),
    { code: 'IMAGE_EXPIRED', details: { ids: [heart.id] } }
  )
  t.same(wordsOf(await collect(engine.generate({ ...request, scope: 'other' }, never))), wordsOf(warm))
})

t.test('prefix reuse distinguishes images by content, size and position', async t => {
  const cachedOf = async (request: GenerateRequest) =>
    doneOf(await collect(single.generate(request, never))).usage.cachedTokens
  const request = toRequest([['What is in the picture?', 0, 1]], newScope())
  await cachedOf(request)
  const [tokens, promptTokens] =
    [heart.width * heart.height / 28 ** 2, doneOf(await collect(single.generate(request, never))).usage.promptTokens]
  t.equal(await cachedOf(request), promptTokens - 2)

  const exchanged = await cachedOf({ ...request, images: [heart, { ...other, id: 'sha256:other' }] })
  t.ok(
    exchanged > tokens && exchanged < promptTokens - other.width * other.height / 28 ** 2,
    'the first image is reused, the second is not'
  )
  await cachedOf(request)
  t.ok(await cachedOf({ ...request, images: [other, heart] }) < tokens, 'in the other order, no image is reused')
  await cachedOf(request)
  const small = { ...(await prepareSmall(heart)), id: heart.id }
  t.ok(await cachedOf({ ...request, images: [small, other] }) < tokens, 'another size is not reused')
})

t.test('prefix reuse never crosses scopes', async t => {
  const ask = async (scope: string) =>
    doneOf(await collect(single.generate(toRequest([['What is in the picture?', 0]], scope), never))).usage.cachedTokens
  t.equal(await ask('alice'), 0)
  t.ok(await ask('alice') > 0)
  t.equal(await ask('bob'), 0)
  t.equal(await ask('alice'), 0, 'the other scope has taken over the sequence')
})

t.test('a prompt gets the sequence with the lowest cost', async t => {
  const engine = await createTestEngine(t, { slots: 3 })
  /**
   * Repeats a question and returns whether its whole prompt was reused. Prompts and answers (one token) have equal
   * lengths.
   */
  async function kept (said: Said[]): Promise<boolean> {
    const { cachedTokens, promptTokens } =
      doneOf(await collect(engine.generate({ ...toRequest(said), maxTokens: 1 }, never))).usage
    return cachedTokens === promptTokens - 2
  }
  const [a, b, c, d] =
    ['1', '2', '3', '4'].map((digit): Said[] => [[`${digit} `.repeat(40)]]) as [Said[], Said[], Said[], Said[]]
  for (const conversation of [a, b, c]) t.notOk(await kept(conversation))
  for (const conversation of [b, a, c]) t.ok(await kept(conversation), 'three conversations have three sequences')
  t.notOk(await kept(d))
  t.ok(await kept(a) && await kept(c), 'the fourth conversation replaces the one that was idle for longest')
  t.notOk(await kept(b))
})

t.test('after an abort at any time, the next answer is correct', async t => {
  const said: Said[] = [['What is in the picture? '.repeat(60), 0, 1, 2, 3], ['Nothing.'], ['Describe the examples.']]
  const cold = wordsOf(await collect(single.generate(toRequest(said, newScope()), never)))
  let reused = 0
  for (let events = 1; events < 30; events += 4) {
    await collect(single.generate(toRequest([['Another conversation.', 3]], newScope()), never))
    const controller = new AbortController()
    let seen = 0
    await (async () => {
      for await (const event of single.generate(toRequest(said), controller.signal)) {
        if (++seen === events && event.type !== 'done') controller.abort(new Error('enough'))
      }
    })().catch(error => { if (error.message !== 'enough') throw error })
    const after = await collect(single.generate(toRequest(said), never))
    t.same(wordsOf(after), cold, `after ${events} events`)
    if (doneOf(after).usage.cachedTokens > 0) reused++
  }
  t.ok(reused > 3, `the evaluated part was reused ${reused} times`)
})

t.test('a recurrent model resumes from its checkpoints and gives the same answer', async t => {
  const model = path.join(dir, 'mamba.gguf')
  await writeRecurrentModel(model, 7)
  const engine = await createTestEngine(t, { slots: 1, model })
  const ask = async (scope: string, ...said: Said[]) =>
    await collect(engine.generate(toRequest(said, scope, 12), never))
  const first = await ask('', ['Alpha?'])
  t.ok(textOf(first).length > 0)
  t.same(wordsOf(await ask('', ['Alpha?'])), wordsOf(first))
  const followUp: Said[] = [['Alpha?'], [textOf(first)], ['Beta?']]
  const second = await ask('', ...followUp)
  t.ok(doneOf(second).usage.cachedTokens > 0, `${doneOf(second).usage.cachedTokens} tokens`)
  t.same(wordsOf(second), wordsOf(await ask('other', ...followUp)))
  t.notSame(wordsOf(second), wordsOf(first), 'earlier turns change the answer')
})

async function prepareSmall (image: EngineImage): Promise<EngineImage> {
  const { default: sharp } = await import('sharp')
  const [width, height] = [image.width - 28, image.height]
  const small = path.join(dir, 'small.png')
  await sharp(await image.file!()).resize(width, height, { fit: 'fill' }).toFile(small)
  return { ...image, file: async () => small, width, height }
}
