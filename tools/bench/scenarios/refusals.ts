import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { buildsOf, type Sightline } from '../contenders/sightline.ts'
import { answersPerSecond, formRequest, slowUpload } from '../lib/load.ts'
import { freePort, startServer } from '../lib/processes.ts'
import { createRow, rotated, type Bench, type Scenario } from './scenario.ts'

const PATH = '/api/chat_stream'
const SLOTS = 3
const CONNECTIONS = 64
const SECONDS = 3
const BARE = 'bare Fastify'

/** Refusals per second while slow uploads occupy all slots, compared with a Fastify that only refuses. */
export const refusals: Scenario = {
  title: 'Requests per second that get 429 while slow uploads occupy the slots',

  async run (bench) {
    const refused = createRow('429', 'requests/s')
    const other = createRow('any other answer', 'requests/s')
    const request = formRequest(PATH, { message: 'What is this?' })

    const services: BusyService[] = []
    const port = await freePort()
    const bare = await startServer({
      command: process.execPath,
      args: [fileURLToPath(new URL('../lib/bare-fastify.mjs', import.meta.url)), String(port)],
      port,
      healthPath: '/'
    })
    try {
      for (const build of buildsOf(bench.before)) services.push(await startBusyService(bench, build))
      const servers = [...services, { name: BARE, port }]
      for (let round = 0; round < bench.rounds; round++) {
        for (const { name, port } of rotated(servers, round)) {
          bench.log(`round ${round + 1} of ${bench.rounds}: ${name}`)
          const answers = await answersPerSecond({ port, request, connections: CONNECTIONS, seconds: SECONDS })
          refused.add(name, answers.get(429) ?? 0)
          other.add(name, [...answers].reduce((sum, [status, rate]) => status === 429 ? sum : sum + rate, 0))
        }
      }
    } finally {
      await Promise.all([...services.map(service => service.stop()), bare.stop()])
    }
    return [refused, other]
  }
}

interface BusyService { name: string, port: number, stop (): Promise<void> }

async function startBusyService (bench: Bench, build: Sightline): Promise<BusyService> {
  const { model, mmproj, contextSize, imageTokens } = bench.model
  const service = await build.start({
    model, mmproj, slots: SLOTS, contextSize, threads: bench.threads, gpu: bench.gpu, imageTokens
  })
  const port = Number(new URL(service.url).port)
  const uploads = await Promise.all(Array.from({ length: SLOTS }, () => slowUpload(port, PATH)))
  // Waits until the service has read the headers.
  await sleep(500)
  return {
    name: build.name,
    port,
    async stop () {
      for (const stopUpload of uploads) stopUpload()
      await service.stop()
    }
  }
}
