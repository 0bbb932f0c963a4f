import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { NotFoundError } from '../errors/catalogue.ts'
import { verbatim } from '../errors/language.ts'
import { createErrorHandler } from './errors.ts'

/** Answers requests that no route matches with 404 `NOT_FOUND`, after the hooks of its context. Bodies are not read. */
const plugin: FastifyPluginAsync = async app => {
  const sendError = createErrorHandler()
  app.removeAllContentTypeParsers()
  app.setNotFoundHandler((request, reply) =>
    sendError(new NotFoundError(verbatim(`${request.method} ${request.url.split('?')[0]}`)), request, reply))
}

export default fp(plugin, { fastify: '5.x', name: 'not-found', dependencies: ['errors'] })
