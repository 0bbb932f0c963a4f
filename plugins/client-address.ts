import { normalizeIP } from '@fastify/rate-limit'
import type { FastifyRequest } from 'fastify'

/**
 * Returns the address for which a request is counted. An IPv6 address is replaced by its /64 network, because a
 * customer usually gets a whole one. Returns an empty string if the client has left.
 */
export function addressOf (request: FastifyRequest): string {
  return normalizeIP(request.ip ?? '')
}
