import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { InvalidJsonError } from '../errors.ts'
import { isDeeperThan, JSON_MAX_DEPTH } from '../services/json-depth.ts'

/** Refuses JSON bodies that are nested too deep, before they are parsed; otherwise Fastify's own parser reads them. */
const plugin: FastifyPluginAsync = async app => {
  const parse = app.getDefaultJsonParser('error', 'error')
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body: string, done) => {
    if (isDeeperThan(body, JSON_MAX_DEPTH)) done(new InvalidJsonError({ en: `it is nested deeper than ${JSON_MAX_DEPTH} levels`, zh: `嵌套超过 ${JSON_MAX_DEPTH} 层` }))
    else parse(request, body, done)
  })
}

export default fp(plugin, { fastify: '5.x', name: 'json-body' })
