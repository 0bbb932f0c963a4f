import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { InvalidFieldError } from '../errors/catalogue.ts'
import { FIELD_FAULTS } from '../errors/phrases.ts'
import { NAME_MAX_SHOWN } from '../schemas/limits.ts'

export interface QueryOptions {
  /** Whether a field of the body has this name. */
  isField: (name: string) => boolean
}

/**
 * Refuses fields of the body in the query of the address, where they would do nothing. Other names are ignored: SDKs
 * and proxies add some, e.g. `api-version`.
 */
const plugin: FastifyPluginAsync<QueryOptions> = async (app, { isField }) => {
  app.addHook('onRequest', (request, _reply, done) => {
    const name = Object.keys(request.query as object).find(isField)
    done(name === undefined ? undefined : new InvalidFieldError(name.slice(0, NAME_MAX_SHOWN), FIELD_FAULTS.inQuery))
  })
}

export default fp(plugin, { fastify: '5.x', name: 'query', dependencies: ['errors'] })
