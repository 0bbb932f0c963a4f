/** Loaded into the service with `--import`: tells, when it is asked, how long the event loop stood still since it was asked before. */
import { monitorEventLoopDelay } from 'node:perf_hooks'

// The engine's child inherits `--import` but is not what is measured.
if (process.argv[1]?.endsWith('server.js') && process.send) {
  // A sample a millisecond is work of its own: nobody pays for it who did not ask.
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
