/**
 * The service loads it with `--import`. It sends a message when the slot of a request with the header below is free.
 * Times are nanoseconds of the machine's monotonic clock, which all processes share.
 */
import { subscribe } from 'node:diagnostics_channel'

const HEADER = 'x-bench-request'

// The engine process inherits `--import` but has no slots.
if (process.argv[1]?.endsWith('server.js') && process.send) {
  subscribe('fastify.initialization', ({ fastify }) => {
    // After admission and before the body is read.
    fastify.addHook('preParsing', (request, _reply, _payload, done) => {
      const id = request.headers[HEADER]
      if (id !== undefined && request.slot) watch(id, request.slot)
      done()
    })
  })
}

function watch (id, slot) {
  const release = slot.release
  let released = false
  slot.release = () => {
    release()
    if (released) return
    released = true
    process.send({ type: 'slot-free', id, at: String(process.hrtime.bigint()) })
  }
}
