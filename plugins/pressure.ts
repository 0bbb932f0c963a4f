import underPressure from '@fastify/under-pressure'
import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { OverloadedError } from '../errors/catalogue.ts'

/**
 * This process only passes on images and tokens, so a delay of a second means a fault in this process. The model
 * computes in a separate process. Event loop utilization is less reliable: while the model computes on all cores, the
 * time in which this process waits for a core counts as busy.
 */
const MAX_EVENT_LOOP_DELAY_MS = 1_000
/**
 * Maximum resident memory, not counting intended caches. Decoding a few images of 100 megapixels in parallel takes
 * less.
 */
const MAX_WORKING_BYTES = 4 * 1024 ** 3
const MAX_HEAP_BYTES = 1024 ** 3

declare module 'fastify' {
  interface FastifyInstance {
    /** Whether new requests to the model are refused because this process is overloaded. */
    isOverloaded (): boolean
  }
}

export interface PressureOptions {
  /** Bytes of cached images that this process may keep outside of its heap. */
  cacheBytes: number
}

/** Resident memory in bytes above which requests for the model are refused. */
export function memoryLimit (cacheBytes: number): number {
  return MAX_WORKING_BYTES + cacheBytes
}

/** Refuses the requests of its context while this process is overloaded. */
const plugin: FastifyPluginAsync<PressureOptions> = async (app, { cacheBytes }) => {
  await app.register(underPressure, {
    maxEventLoopDelay: MAX_EVENT_LOOP_DELAY_MS,
    maxRssBytes: memoryLimit(cacheBytes),
    maxHeapUsedBytes: MAX_HEAP_BYTES,
    pressureHandler: () => { throw new OverloadedError() }
  })
}

export default fp(plugin, { fastify: '5.x', name: 'pressure' })
