import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import type { Engine } from '../services/engine/engine.ts'

declare module 'fastify' {
  interface FastifyInstance { model: Engine }
}

export interface ModelOptions { engine: Engine }

/** The model behind the routes; closed with the app. */
const plugin: FastifyPluginAsync<ModelOptions> = async (app, { engine }) => {
  app.decorate('model', engine)
  app.addHook('onClose', () => engine.close())
}

export default fp(plugin, { fastify: '5.x', name: 'model' })
