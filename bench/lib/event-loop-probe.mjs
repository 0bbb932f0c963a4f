/** Loaded into the service with `--import`: tells, when it is asked, how long the event loop stood still. */
import { monitorEventLoopDelay } from 'node:perf_hooks'

// The engine's child inherits `--import` but is not what is measured.
if (process.argv[1]?.endsWith('server.js') && process.send) {
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  process.on('message', message => {
    if (message !== 'event-loop-delay') return
    process.send({ max: delay.max / 1e6, p99: delay.percentile(99) / 1e6 })
    delay.reset()
  })
  // Listening must not keep the service alive.
  process.channel.unref()
}
