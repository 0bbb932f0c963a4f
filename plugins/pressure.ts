import underPressure from '@fastify/under-pressure'
import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { OverloadedError } from '../errors/catalogue.ts'

/**
 * Thresholds for a process that hands images and tokens on and leaves the computing to the engine's process: the model's
 * memory is not in these figures. A loop that lags a second means that something here went wrong, not that the model is at work. How
 * busy the loop is says less: where the model computes on all cores, time in which this process waits for one counts as busy.
 */
const MAX_EVENT_LOOP_DELAY_MS = 1_000
/** Resident memory without what is cached on purpose. Decoding a few images of 100 million pixels in parallel stays below. */
const MAX_WORKING_BYTES = 4 * 1024 ** 3
const MAX_HEAP_BYTES = 1024 ** 3

declare module 'fastify' {
  interface FastifyInstance {
    /** Bytes of resident memory beyond which work for the model is refused. */
    memoryLimit: number
  }
}

export interface PressureOptions {
  /** Bytes that this process may fill with cached images, outside its heap. */
  cacheBytes: number
}

/** Refuses new work for the model while this process cannot keep up; health and status stay reachable. */
const plugin: FastifyPluginAsync<PressureOptions> = async (app, { cacheBytes }) => {
  app.decorate('memoryLimit', MAX_WORKING_BYTES + cacheBytes)
  await app.register(underPressure, {
    maxEventLoopDelay: MAX_EVENT_LOOP_DELAY_MS,
    maxRssBytes: app.memoryLimit,
    maxHeapUsedBytes: MAX_HEAP_BYTES,
    pressureHandler: request => {
      if (request.routeOptions.config.slot) throw new OverloadedError()
    }
  })
}

export default fp(plugin, { fastify: '5.x', name: 'pressure' })
