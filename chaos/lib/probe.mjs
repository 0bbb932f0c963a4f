/** Loaded into the service with `--import`: tells, when it is asked, what grows where something leaks. */
import v8 from 'node:v8'
import vm from 'node:vm'

// The engine's child inherits `--import` but is not what is looked at.
if (process.argv[1]?.endsWith('server.js') && process.send) {
  v8.setFlagsFromString('--expose-gc')
  const collect = vm.runInNewContext('gc')
  process.on('message', message => {
    if (message !== 'inside') return
    collect()
    // Sockets, servers, children: there is no public list of them.
    const handles = process._getActiveHandles()
    const emitters = [process, ...handles]
    const { heapUsed, external } = process.memoryUsage()
    process.send({
      inside: {
        heap: heapUsed,
        external,
        handles: process.getActiveResourcesInfo().length,
        listeners: emitters.reduce((sum, emitter) => sum + (emitter.eventNames?.() ?? []).reduce((count, name) => count + emitter.listenerCount(name), 0), 0)
      }
    })
  })
  // Listening must not keep the service alive.
  process.channel.unref()
}
