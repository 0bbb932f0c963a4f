import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { InvalidJsonError, withDetails, type SightlineError } from '../errors/catalogue.ts'
import { checkJsonBounds, JsonBoundsError } from '../services/json-bounds.ts'

/**
 * Reads JSON bodies, the only ones that its context accepts. Bodies that are too deep or have too many values are
 * refused before Fastify's parser gets them.
 */
const plugin: FastifyPluginAsync = async app => {
  const parse = app.getDefaultJsonParser('error', 'error')
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body: string, done) => {
    const refusal = refusalOf(body)
    if (refusal) done(refusal)
    else parse(request, body, done)
  })
}

function refusalOf (body: string): SightlineError | null {
  try {
    checkJsonBounds(body)
    return null
  } catch (error) {
    if (!(error instanceof JsonBoundsError)) throw error
    const { fault: { en, zh }, limit } = error
    return withDetails(new InvalidJsonError({ en: `it ${en}`, zh }), { limit })
  }
}

export default fp(plugin, { fastify: '5.x', name: 'json-body' })
