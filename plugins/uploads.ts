import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { Upload, type UploadOptions } from '../services/uploads/upload.ts'
import { workOf } from './cleanup.ts'

/** Returns the upload of an admitted request. */
export const uploadOf = (request: FastifyRequest): Upload => request.getDecorator<Upload>('upload')
/** Returns the upload of a request, or null if the request was refused. */
export const uploadIfAdmitted = (request: FastifyRequest): Upload | null =>
  request.getDecorator<Upload | null>('upload')

/** Decorates every request of its context with an upload. Its deadline begins with admission. */
const plugin: FastifyPluginAsync<UploadOptions> = async (app, options) => {
  app.decorateRequest('upload', null)

  app.addHook('onRequest', (request, _reply, done) => {
    const { id, client: { scope } } = request
    request.setDecorator('upload', new Upload(options, workOf(request), { id, scope }))
    done()
  })
}

export default fp(plugin, { fastify: '5.x', name: 'uploads', dependencies: ['cleanup'] })
