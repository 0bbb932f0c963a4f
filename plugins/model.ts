import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import type { Engine } from '../services/engine/engine.ts'
import type { Metrics } from '../services/metrics.ts'
import type { Slots } from '../services/slots.ts'

declare module 'fastify' {
  interface FastifyInstance {
    model: Engine
    slots: Slots
    metrics: Metrics
  }
}

export interface ModelOptions {
  /** Closed with the app. */
  engine: Engine
  slots: Slots
  metrics: Metrics
}

/** Decorates the app with the model, its admission slots and its metrics. */
const plugin: FastifyPluginAsync<ModelOptions> = async (app, { engine, slots, metrics }) => {
  app.decorate('model', engine)
  app.decorate('slots', slots)
  app.decorate('metrics', metrics)
  app.addHook('onClose', () => engine.close())
}

export default fp(plugin, { fastify: '5.x', name: 'model' })
