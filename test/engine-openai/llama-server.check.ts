import { readFileSync } from 'node:fs'
import path from 'node:path'
import OpenAI from 'openai'
import t, { type Test } from 'tap'
import { freePort } from '../../bench/lib/processes.ts'
import { longQuestion, median, streamLong, wordsIn } from '../clients/clients.ts'
import { ask, askJson, askStream, createTestEngine, drawShape, EXAMPLES, startService, type TestService } from '../helper.ts'
import { until } from '../server-process.ts'
import { startFront } from '../services/engine/upstream/front.ts'
import { begin, toEnd } from '../services/engine/upstream/long-answers.ts'
import { CONTEXT_SIZE, program, SLOTS, startLlamaServer, untilWorking, working } from './llama-server.ts'

// `npm run check:llama-server`: ENGINE=openai before llama.cpp's own server. Not part of `npm test`, since building it takes minutes.
if (program === null) {
  console.error('llama-server is not built: run "QUICK=1 npm run bench:llama-server" first')
  process.exit(1)
}
t.setTimeout(600_000)

interface Example { images: string[], question: string }

const { examples } = JSON.parse(readFileSync(path.join(EXAMPLES, 'examples.json'), 'utf8')) as { examples: Example[] }
const picturesOf = (example: Example) => example.images.map(name => readFileSync(path.join(EXAMPLES, name)))
const local = await startService(t, { CONTEXT_SIZE: String(CONTEXT_SIZE) }, await createTestEngine(t))
const llama = await startLlamaServer(t)
const front = await startFront(t, [llama.url])
const red = await drawShape('circle', 'red', 'white')
const blue = await drawShape('square', 'blue', 'yellow', 300)
const two = examples.find(({ images }) => images.length === 2)!

const idle = async (service: TestService) => {
  await service.quiet()
  await untilWorking(llama.url, 0)
}

t.test('answers, receipts and token counts are those of the local engine', async t => {
  for (const example of examples) {
    const [here, there] = [await ask(local.url, { message: example.question, temperature: '0' }, picturesOf(example)), await ask(front.url, { message: example.question, temperature: '0' }, picturesOf(example))]
    t.equal(there.status, 200, example.question)
    t.equal(there.body.response, here.body.response, `${example.question} ${here.body.response}`)
    t.same(there.body.images, here.body.images)
    t.match(there.body, { finish_reason: 'stop', usage: { prompt_tokens: here.body.usage.prompt_tokens, image_tokens: here.body.usage.image_tokens } })
    t.comment(JSON.stringify([here.body.usage, there.body.usage]))
  }
  await idle(front)
})
