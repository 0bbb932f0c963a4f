/**
 * Loaded into the service with `--import`: switches off the preparation of images while their request is still
 * arriving. The service itself has no setting for that. The uploads plugin gets an `onSaved` that does nothing.
 */
import { subscribe } from 'node:diagnostics_channel'

// The engine's child inherits `--import` but has no uploads.
if (process.argv[1]?.endsWith('server.js') && process.send) {
  subscribe('fastify.initialization', ({ fastify }) => {
    let isOff = false
    const register = fastify.register
    fastify.register = function (plugin, options) {
      if (typeof options?.onSaved !== 'function') return register.call(this, plugin, options)
      isOff = true
      return register.call(this, plugin, { ...options, onSaved: async () => {} })
    }
    // An instance that never listens has no uploads.
    fastify.addHook('onListen', done => {
      if (!isOff) {
        console.error('no-anticipation.mjs found no plugin with the option onSaved')
        process.exit(1)
      }
      done()
    })
  })
}
