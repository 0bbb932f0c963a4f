import rateLimit from '@fastify/rate-limit'
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { RateLimitedError } from '../errors/catalogue.ts'
import { addressOf } from './client-address.ts'

export interface RateLimitOptions {
  /** Requests in a window with one API key, whatever addresses they come from; 0: no limit. */
  perKey: number
  /** Requests in a window from one address (of IPv6: one /64 network), whatever keys they carry; 0: no limit. */
  perAddress: number
  /** A window begins with the first request that is counted; a minute, as the error says. */
  windowMs?: number
}

const MINUTE_MS = 60_000

/**
 * Limits how often the model is asked: counts requests of routes with `config: { slot: true }`, also those that then find no slot
 * free, but not those without a valid key. Who is over a limit gets 429 `RATE_LIMITED` and the end of the window as `Retry-After`.
 * The latest 5,000 keys and as many addresses are remembered.
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
    if (!request.routeOptions.config.slot) return
    // The address first: what one machine sends beyond its own limit must not use up a key that others share.
    if (perAddress > 0) await check(countAddress, request, reply)
    if (perKey > 0 && request.client.scope !== '') await check(countKey, request, reply)
  })
}

export default fp(plugin, { fastify: '5.x', name: 'rate-limit', dependencies: ['auth'] })
