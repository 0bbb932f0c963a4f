import swagger from '@fastify/swagger'
import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'

export interface OpenapiOptions { version: string }

/** Collects the routes' schemas into `GET /openapi.json` (OpenAPI 3.1). Registered before the routes. */
const plugin: FastifyPluginAsync<OpenapiOptions> = async (app, { version }) => {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Sightline', version, description: 'Chat about several pictures at once with a Qwen-VL model' }
    }
  })
  app.get('/openapi.json', { schema: { hide: true } }, async () => app.swagger())
}

export default fp(plugin, { fastify: '5.x', name: 'openapi' })
