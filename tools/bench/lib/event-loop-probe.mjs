/** The service loads it with `--import`. On request it reports the event loop's delays since the last request. */
import { monitorEventLoopDelay } from 'node:perf_hooks'

// The engine process inherits `--import` but is not measured.
if (process.argv[1]?.endsWith('server.js') && process.send) {
  // A sample every millisecond costs time, so the measurement starts with the first request.
  const delay = monitorEventLoopDelay({ resolution: 1 })
  process.on('message', message => {
    if (message !== 'event-loop-delay') return
    process.send({ max: delay.max / 1e6, p99: delay.percentile(99) / 1e6 })
    delay.reset()
    delay.enable()
  })
  // Listening must not keep the service alive.
  process.channel.unref()
}
