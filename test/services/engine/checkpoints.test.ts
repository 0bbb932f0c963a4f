import t from 'tap'
import type { Checkpoint } from '../../../native/vision.ts'
import type { EngineEvent, GenerateRequest } from '../../../services/engine/engine.ts'
import { createEncoder } from '../../../services/engine/worker/encoder.ts'
import { createGenerator } from '../../../services/engine/worker/generator.ts'
import { ImageCache } from '../../../services/engine/worker/image-cache.ts'
import { loadModel, type LoadedModel } from '../../../services/engine/worker/model.ts'
import { RenderedPrompts } from '../../../services/engine/worker/prompt.ts'
import { Rounds } from '../../../services/engine/worker/rounds.ts'
import { readModelHeader } from '../../../services/models/headers.ts'
import { checkpointBytes, CHECKPOINTS_PER_SLOT } from '../../../services/models/memory.ts'
import { createTestEngine, ENGINE_DEFAULTS } from '../../helper.ts'
import { writeTinyModel } from '../../models/tiny-model.ts'
import { ask, drawNoise, drawQuestions, toRequest, type Answer, type Said } from './conversations.ts'

const MAX_TOKENS = 10
const SIDE = 640

const dir = t.testdir()
const tiny = await writeTinyModel(dir, { family: 'qwen3.5' })
const files = { model: tiny.model, mmproj: tiny.mmproj, threads: 2, imageMaxTokens: (SIDE / tiny.multiple) ** 2 }
const large = await drawNoise(dir, 2, SIDE, SIDE)
const small = await drawNoise(dir, 6, 6 * tiny.multiple, 4 * tiny.multiple)
let scopes = 0
const newScope = () => `scope ${scopes++}`
const said = (text: string, ...images: number[]): Said => ({ text, images })

t.test('follow-ups, edited follow-ups and repeated questions reuse most of their prompt', async t => {
  const engine = await createTestEngine(t, { ...files, slots: 1 })
  const put = async (scope: string, turns: Said[]) => await ask(engine, toRequest(turns, large, scope, MAX_TOKENS))
  const question = said('What is in the picture?', 0, 1)
  const first = await put('', [question])
  t.equal(first.cachedTokens, 0)
  const earlier = [question, said(first.text)]
  const edited = [...earlier, said('Which of the two has the larger red area?')]
  const cases = [
    { name: 'follow-up', turns: [...earlier, said('And what colour is the background of the second?')], least: 0.75 },
    { name: 'edited follow-up', turns: edited, least: 0.88 },
    { name: 'repeated question', turns: edited, least: 0.98 },
    { name: 'other question about the images', turns: [said('Read the text in both of them.', 0, 1)], least: 0.9 }
  ]
  const warm: Answer[] = []
  for (const { name, turns, least } of cases) {
    const answer = await put('', turns)
    warm.push(answer)
    const { cachedTokens, promptTokens } = answer
    t.ok(cachedTokens >= least * promptTokens, `${name}: ${cachedTokens} of ${promptTokens}`)
  }
  for (const [index, { name, turns }] of cases.entries()) {
    t.same(warm[index]!.words, (await put(newScope(), turns)).words, name)
  }
})

t.test('after an abort at any time, the next answer is correct', async t => {
  const engine = await createTestEngine(t, { ...files, slots: 1 })
  const turns = [said('Describe it. '.repeat(60), 0, 1, 2, 3), said('Nothing.'), said('Compare the images.')]
  const request = (scope: string) => toRequest(turns, small, scope, MAX_TOKENS)
  const cold = await ask(engine, request(newScope()))
  let reused = 0
  for (let events = 1; events < 24; events++) {
    const scope = newScope()
    const controller = new AbortController()
    let seen = 0
    await (async () => {
      for await (const event of engine.generate(request(scope), controller.signal)) {
        if (++seen === events && event.type !== 'done') controller.abort(new Error('enough'))
      }
    })().catch(error => { if (error.message !== 'enough') throw error })
    const after = await ask(engine, request(scope))
    t.same(after.words, cold.words, `after ${events} events`)
    if (after.cachedTokens > 0) reused++
  }
  t.ok(reused > 5, `a checkpoint was reused ${reused} times`)
})

t.test('a checkpoint has the size of the memory plan, and a sequence has at most three', async t => {
  const loaded = await load()
  const created: Checkpoint[] = []
  const engine = createWorker(loaded, {
    createCheckpoint: () => {
      created.push(loaded.decoder.createCheckpoint())
      return created.at(-1)!
    }
  })
  await converse(engine, drawQuestions(6, small.length, 3))
  t.equal(created.length, CHECKPOINTS_PER_SLOT)
  const bytes = checkpointBytes(await readModelHeader(tiny.model))
  t.ok(bytes > 0)
  for (const checkpoint of created) t.equal(checkpoint.bytes, bytes)
  await loaded.llama.dispose()
})

t.test('a wrong checkpoint changes the answers, so these tests can see one', async t => {
  const loaded = await load()
  const questions = drawQuestions(8, small.length, 5)
  const right = await converse(createWorker(loaded, {}), questions)
  let first: Checkpoint | undefined
  const wrong = await converse(createWorker(loaded, {
    save: async (sequence, checkpoint) => {
      if (first === undefined) {
        first = loaded.decoder.createCheckpoint()
        await loaded.decoder.save(sequence, first)
      }
      await loaded.decoder.save(sequence, checkpoint)
    },
    restore: async (sequence, _, from) => { await loaded.decoder.restore(sequence, first!, from) }
  }), questions)
  const differing = right.filter((words, index) => String(words) !== String(wrong[index])).length
  t.ok(differing > right.length / 3, `${differing} of ${right.length} answers differ`)
  await loaded.llama.dispose()
})

async function load (): Promise<LoadedModel> {
  const { model, mmproj, threads, imageMaxTokens } = files
  return await loadModel({ ...ENGINE_DEFAULTS, model, mmproj, threads, imageMaxTokens, slots: 1 }, () => {}, () => {})
}

type Generate = ReturnType<typeof createGenerator>

/** The worker's engine in this process, with another decoder. */
function createWorker (loaded: LoadedModel, changes: Partial<LoadedModel['decoder']>): Generate {
  const { decoder } = loaded
  const changed = {
    rewind: decoder.rewind,
    reproducible: decoder.reproducible,
    decodeText: decoder.decodeText.bind(decoder),
    decodeImage: decoder.decodeImage.bind(decoder),
    step: decoder.step.bind(decoder),
    forget: decoder.forget.bind(decoder),
    createCheckpoint: decoder.createCheckpoint.bind(decoder),
    save: decoder.save.bind(decoder),
    restore: decoder.restore.bind(decoder),
    ...changes
  } as LoadedModel['decoder']
  const rounds = new Rounds(changed.step)
  return createGenerator({
    loaded: { ...loaded, decoder: changed },
    rounds,
    cache: new ImageCache(ENGINE_DEFAULTS.imageCacheBytes),
    prompts: new RenderedPrompts(loaded.prompts.render),
    encode: createEncoder({ vision: loaded.vision!, decoder, threads: 2, rounds }),
    early: null
  })
}

/** Asks all questions of all conversations, and returns the text of each token. */
async function converse (generate: Generate, conversations: Said[][]): Promise<string[][]> {
  const answers: string[][] = []
  for (const questions of conversations) {
    const scope = newScope()
    const turns: Said[] = []
    for (const question of questions) {
      turns.push(question)
      const words = await collectWords(generate, toRequest(turns, small, scope, MAX_TOKENS))
      answers.push(words)
      turns.push(said(words.join('')))
    }
  }
  return answers
}

async function collectWords (generate: Generate, request: GenerateRequest): Promise<string[]> {
  const words: string[] = []
  await generate(request, new AbortController().signal, (event: EngineEvent) => {
    if (event.type === 'token') words.push(event.text)
  })
  return words
}
