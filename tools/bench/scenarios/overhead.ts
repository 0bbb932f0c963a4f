import { pino } from 'pino'
import type { Engine } from '../../../services/engine/engine.ts'
import { createLocalEngine } from '../../../services/engine/local-engine.ts'
import { buildsOf, type RunningSightline } from '../contenders/sightline.ts'
import { createRow, rotated, type Bench, type Scenario } from './scenario.ts'

const ENGINE = 'bare engine'
/** Short requests per round, because a single one is too short to be timed. */
const REQUESTS = 20
const LONG_ANSWER = 256

/** Time that HTTP, admission, checks and streaming add to the engine. */
export const overhead: Scenario = {
  title: 'The service over HTTP compared with its engine called directly, one client',

  async run (bench) {
    const request = createRow('a question with an answer of one token', 'ms')
    const speed = createRow('a long answer', 'tokens/s')
    const { model, mmproj, contextSize, imageTokens } = bench.model
    const options = { model, mmproj, slots: 1, contextSize, threads: bench.threads, gpu: bench.gpu, imageTokens }
    const engine = await startEngine(bench)
    const services: RunningSightline[] = []
    const ways: Record<string, Ask> = {}
    try {
      for (const build of buildsOf(bench.before)) {
        const service = await build.start(options)
        services.push(service)
        ways[build.name] = (text, maxTokens) => askService(service, text, maxTokens)
      }
      ways[ENGINE] = (text, maxTokens) => askEngine(engine, text, maxTokens)
      for (const ask of Object.values(ways)) await ask('Warm up.', 2)
      for (let round = 0; round < bench.rounds; round++) {
        bench.log(`round ${round + 1} of ${bench.rounds}`)
        for (let i = 0; i < REQUESTS; i++) {
          for (const [name, ask] of rotated(Object.entries(ways), i)) {
            request.add(name, (await ask(`Question ${round * REQUESTS + i}`, 1)).totalMs)
          }
        }
        if (!bench.model.endless) continue
        for (const [name, ask] of rotated(Object.entries(ways), round)) {
          speed.add(name, (await ask(`Tell story ${round}.`, LONG_ANSWER)).tokensPerSecond)
        }
      }
    } finally {
      await Promise.all([...services.map(service => service.stop()), engine.close()])
    }
    return bench.model.endless ? [request, speed] : [request]
  }
}

type Ask = (text: string, maxTokens: number) => Promise<{ totalMs: number, tokensPerSecond: number }>

async function startEngine (bench: Bench): Promise<Engine> {
  const { model, mmproj, contextSize, imageTokens } = bench.model
  const engine = createLocalEngine({
    log: pino({ level: 'silent' }),
    model,
    mmproj,
    modelsDir: 'models',
    gpu: bench.gpu,
    flashAttention: 'auto',
    threads: bench.threads,
    contextSize,
    slots: 1,
    imageMinTokens: imageTokens.min,
    imageMaxTokens: imageTokens.max,
    maxPixels: imageTokens.max * imageTokens.side ** 2,
    imageCacheBytes: 0
  })
  await engine.ready()
  return engine
}

async function askService (service: RunningSightline, text: string, maxTokens: number): ReturnType<Ask> {
  const { totalMs, times, completionTokens } = await service.ask({ turns: [{ role: 'user', text }], maxTokens })
  return { totalMs, tokensPerSecond: (completionTokens - 1) * 1000 / (times.at(-1)! - times[0]!) }
}

async function askEngine (engine: Engine, text: string, maxTokens: number): ReturnType<Ask> {
  const started = performance.now()
  const times: number[] = []
  let tokens = 0
  const events = engine.generate({
    turns: [{ role: 'user', parts: [{ type: 'text', text }] }],
    scope: '',
    tools: [],
    images: [],
    maxTokens,
    stop: [],
    grammar: null,
    sampling: { temperature: 0 }
  }, new AbortController().signal)
  for await (const event of events) {
    if (event.type === 'token') times.push(performance.now())
    if (event.type === 'done') tokens = event.usage.completionTokens
  }
  return { totalMs: performance.now() - started, tokensPerSecond: (tokens - 1) * 1000 / (times.at(-1)! - times[0]!) }
}
