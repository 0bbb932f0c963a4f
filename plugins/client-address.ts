import { normalizeIP } from '@fastify/rate-limit'
import type { FastifyRequest } from 'fastify'

/**
 * Whom a request is counted for: its address, of IPv6 its /64 network, which whoever has one address usually has as a whole. The address of a client that has
 * left already is unknown.
 */
export function addressOf (request: FastifyRequest): string {
  return normalizeIP(request.ip ?? '')
}
