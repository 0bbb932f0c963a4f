import rateLimit from '@fastify/rate-limit'
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { RateLimitedError } from '../errors/catalogue.ts'
import { addressOf } from './client-address.ts'

export interface RateLimitOptions {
  /** Requests with one API key in a window, from any address; 0: no limit. */
  perKey: number
  /** Requests from one address (one /64 network for IPv6) in a window, with any key; 0: no limit. */
  perAddress: number
  /** Length of a window, which begins with the first counted request. The error speaks of a minute. */
  windowMs?: number
}

const MINUTE_MS = 60_000

/**
 * Limits the requests of a client per window: counts the requests of its context with a valid key, including those that
 * then find no free slot. A request above the limit gets 429 `RATE_LIMITED`, with the end of the window as
 * `Retry-After`. The plugin remembers the latest 5,000 keys and 5,000 addresses.
 */
const plugin: FastifyPluginAsync<RateLimitOptions> = async (app, { perKey, perAddress, windowMs = MINUTE_MS }) => {
  if (perKey === 0 && perAddress === 0) return
  await app.register(rateLimit, { global: false, timeWindow: windowMs })
  const countAddress = app.createRateLimit({ max: perAddress, keyGenerator: addressOf })
  const countKey = app.createRateLimit({ max: perKey, keyGenerator: request => request.client.scope })

  async function check (count: typeof countKey, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const result = await count(request)
    if (result.isAllowed || !result.isExceeded) return
    reply.header('retry-after', result.ttlInSeconds)
    throw new RateLimitedError(result.max)
  }

  app.addHook('onRequest', async (request, reply) => {
    // Check the address first: one machine above its own limit must not use up the limit of a key that others share.
    if (perAddress > 0) await check(countAddress, request, reply)
    if (perKey > 0 && request.client.scope !== '') await check(countKey, request, reply)
  })
}

export default fp(plugin, { fastify: '5.x', name: 'rate-limit', dependencies: ['auth'] })
