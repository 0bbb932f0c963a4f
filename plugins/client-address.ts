import { normalizeIP } from '@fastify/rate-limit'
import type { FastifyRequest } from 'fastify'

/**
 * The address that a request is counted for. For IPv6 it is the /64 network, because a customer usually gets a whole
 * one. Empty if the client has left.
 */
export function addressOf (request: FastifyRequest): string {
  return normalizeIP(request.ip ?? '')
}
