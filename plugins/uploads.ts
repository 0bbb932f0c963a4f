import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { Upload, type UploadOptions } from '../services/uploads/upload.ts'
import { workOf } from './cleanup.ts'

/** Returns the upload of an admitted request. */
export const uploadOf = (request: FastifyRequest): Upload => request.getDecorator<Upload>('upload')
/** Returns the upload of a request, or null if the request was refused. */
export const uploadIfAdmitted = (request: FastifyRequest): Upload | null =>
  request.getDecorator<Upload | null>('upload')

/** Frees a JSON body after its images are saved to disk, because its megabytes of base64 are no longer needed. */
export function dropBody (request: FastifyRequest): void {
  request.body = null
}

/** Decorates every request of its context with an upload. Its deadline begins with admission. */
const plugin: FastifyPluginAsync<UploadOptions> = async (app, options) => {
  app.decorateRequest('upload', null)

  app.addHook('onRequest', (request, reply, done) => {
    const work = workOf(request)
    const upload = new Upload(options, work, request.id)
    request.setDecorator('upload', upload)
    // Fastify reads JSON bodies itself and would wait for the rest. Forms end by the signal.
    work.signal.addEventListener('abort', () => {
      if (!isForm(request) && !reply.sent && !request.raw.complete && !request.raw.destroyed) {
        void reply.send(work.signal.reason)
      }
    }, { once: true })
    done()
  })
}

/** Media types are case-insensitive. */
function isForm ({ headers }: FastifyRequest): boolean {
  return /^multipart\/form-data\b/i.test(headers['content-type'] ?? '')
}

export default fp(plugin, { fastify: '5.x', name: 'uploads', dependencies: ['cleanup'] })
