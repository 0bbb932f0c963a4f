import { sightline } from '../contenders/sightline.ts'
import { drawImages } from '../lib/images.ts'
import { createRow, type Scenario } from './scenario.ts'

const CLIENTS = 3
const IMAGES = 4
const LARGE = { width: 4000, height: 3000 }

/** Delays of the HTTP process's event loop while clients send large images and read answers. */
export const eventLoop: Scenario = {
  title: 'Event loop of the HTTP process while three clients send four images of 12 megapixels each',

  async run (bench) {
    const worst = createRow('longest delay', 'ms')
    const high = createRow('99th percentile', 'ms')
    const { model, mmproj, contextSize, imageTokens } = bench.model
    const service = await sightline.start({
      model, mmproj, slots: CLIENTS, contextSize, threads: bench.threads, gpu: bench.gpu, imageTokens
    })
    try {
      for (let round = 0; round < bench.rounds; round++) {
        bench.log(`round ${round + 1} of ${bench.rounds}`)
        const images = await drawImages(Array.from({ length: IMAGES }, bench.freshSeed), LARGE)
        await service.eventLoopDelay()
        await Promise.all(Array.from({ length: CLIENTS }, (_, client) => service.ask({
          turns: [{ role: 'user', text: `Describe the pictures. ${client}`, images }],
          maxTokens: 32
        })))
        const { max, p99 } = await service.eventLoopDelay()
        worst.add(sightline.name, max)
        high.add(sightline.name, p99)
      }
    } finally {
      await service.stop()
    }
    return [worst, high]
  }
}
