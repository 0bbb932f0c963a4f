/**
 * The service loads this module with `--import`. It reports every stall of the event loop, and on request the measures
 * that grow with a leak. See `Stall` and `Inside` in ../service.ts.
 */
import { openSync, readdirSync, readFileSync, readSync } from 'node:fs'
import v8 from 'node:v8'
import vm from 'node:vm'

const TICK_MS = 20
/** Ticks that come later than this are reported. */
const LATE_MS = 50
/** The waits of the other threads, about twenty, are read only every few ticks. */
const TICKS_PER_LOOK = 5
const THREADS = '/proc/self/task'
const NS_PER_MS = 1e6

// The engine's child inherits `--import` but is not observed.
if (process.argv[1]?.endsWith('server.js') && process.send) {
  const observer = observeLoop(stall => { if (process.connected) process.send({ stall }) })
  v8.setFlagsFromString('--expose-gc')
  const collect = vm.runInNewContext('gc')
  process.on('message', message => {
    if (message !== 'inside') return
    observer.tick()
    process.send({ inside: measure(collect) })
    // The checker caused the collection, not a client.
    observer.restart()
  })
  // Listening must not keep the service alive.
  process.channel.unref()
}

/** Ticks on the main thread and calls `onStall` for every tick that comes late. */
function observeLoop (onStall) {
  // The file stays open: opening it for each tick would take ten times as long.
  const file = openSync('/proc/thread-self/schedstat')
  const buffer = Buffer.alloc(64)

  /** The time, and the main thread's total time on a CPU and waiting for one, in milliseconds. */
  function now () {
    const [cpu, wait] = toMs(buffer.latin1Slice(0, readSync(file, buffer, 0, buffer.length, 0)))
    return { time: performance.now(), cpu, wait }
  }

  let last = now()
  let others = waitsOfOthers()
  let ticks = 0

  function tick () {
    const { time, cpu, wait } = now()
    const wallMs = time - last.time - TICK_MS
    const isLate = wallMs > LATE_MS
    if (isLate || ++ticks % TICKS_PER_LOOK === 0) {
      const waits = waitsOfOthers()
      const othersWaitMs = Math.max(0, ...[...waits].map(([thread, ms]) => ms - (others.get(thread) ?? 0)))
      others = waits
      if (isLate) {
        const [cpuMs, waitMs] = [cpu - last.cpu, wait - last.wait].map(ms => Math.min(wallMs, ms))
        const blockedMs = Math.max(0, wallMs - cpuMs - waitMs)
        onStall({ at: Date.now(), wallMs, cpuMs, waitMs, blockedMs, othersWaitMs })
      }
    }
    last = { time, cpu, wait }
  }

  setInterval(tick, TICK_MS).unref()
  return { tick, restart () { last = now() } }
}

/** The total time that each other thread of this process has waited for a CPU, in milliseconds. */
function waitsOfOthers () {
  const waits = new Map()
  for (const thread of readdirSync(THREADS)) {
    if (Number(thread) === process.pid) continue
    try {
      waits.set(thread, toMs(readFileSync(`${THREADS}/${thread}/schedstat`, 'latin1'))[1])
    } catch {
      // The thread has ended.
    }
  }
  return waits
}

/** The first two numbers of a `schedstat`. */
function toMs (text) {
  return text.split(' ', 2).map(ns => ns / NS_PER_MS)
}

function measure (collect) {
  collect()
  // Node has no public list of sockets, servers and children.
  const handles = process._getActiveHandles()
  const emitters = [process, ...handles]
  const { heapUsed, external } = process.memoryUsage()
  return {
    heap: heapUsed,
    external,
    handles: process.getActiveResourcesInfo().length,
    listeners: emitters.reduce((sum, emitter) => sum + listenersOf(emitter), 0)
  }
}

function listenersOf (emitter) {
  return (emitter.eventNames?.() ?? []).reduce((count, name) => count + emitter.listenerCount(name), 0)
}
