import type { Readable } from 'node:stream'
import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { Place } from '../services/json/place.ts'
import { readJsonBody } from '../services/uploads/json-body.ts'
import { workOf } from './cleanup.ts'
import { uploadOf } from './uploads.ts'

export interface JsonBodyPluginOptions {
  /** The places of bodies at which strings may be images. */
  place: Place
}

/**
 * Reads the JSON bodies of its context, and refuses bodies of other types unless another plugin reads them. Images are
 * saved while the rest of the body is arriving; `bodyLimit` of the route bounds the rest.
 */
const plugin: FastifyPluginAsync<JsonBodyPluginOptions> = async (app, { place }) => {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', async (request: FastifyRequest, payload: Readable) => {
    const work = workOf(request)
    const options = { upload: uploadOf(request), place, maxBytes: request.routeOptions.bodyLimit }
    return await work.run(() => readJsonBody(payload, options, work.signal))
  })
}

export default fp(plugin, { fastify: '5.x', name: 'json-body', dependencies: ['uploads'] })
