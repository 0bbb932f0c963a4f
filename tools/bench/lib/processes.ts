import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export interface ServerProcess {
  pid: number
  url: string
  child: ChildProcess
  stop (): Promise<void>
}

export interface ServerOptions {
  command: string
  args: readonly string[]
  env?: Record<string, string>
  cwd?: string
  port: number
  /** Path that returns 200 when the server is ready. */
  healthPath: string
}

const START_TIMEOUT_MS = 300_000
const STOP_TIMEOUT_MS = 15_000
const OUTPUT_KEPT = 4000

/** Finds a free TCP port. */
export async function freePort (): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/**
 * Starts a server and waits until it is ready.
 * @throws Error with the end of its output when it exits before, or takes longer than five minutes
 */
export async function startServer (
  { command, args, env, cwd, port, healthPath }: ServerOptions
): Promise<ServerProcess> {
  const child = spawn(command, args, { env: { ...process.env, ...env }, cwd, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] })
  let output = ''
  const keep = (text: string) => { output = (output + text).slice(-OUTPUT_KEPT) }
  for (const stream of [child.stdout!, child.stderr!]) stream.setEncoding('utf8').on('data', keep)
  child.once('error', error => keep(error.message))
  const kill = () => child.kill('SIGKILL')
  process.once('exit', kill)
  child.once('exit', () => process.off('exit', kill))

  const url = `http://127.0.0.1:${port}`
  const deadline = Date.now() + START_TIMEOUT_MS
  while (!await answers(url + healthPath)) {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null || Date.now() > deadline) {
      kill()
      throw new Error(`${command} did not start:\n${output}`)
    }
    await sleep(100)
  }
  return {
    pid: child.pid!,
    url,
    child,
    async stop () {
      if (child.exitCode !== null || child.signalCode !== null) return
      const gone = once(child, 'exit')
      child.kill('SIGTERM')
      const timer = setTimeout(kill, STOP_TIMEOUT_MS)
      await gone
      clearTimeout(timer)
    }
  }
}

async function answers (url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2000) })
    await response.arrayBuffer()
    return response.status === 200
  } catch {
    // The server is not listening.
    return false
  }
}

/**
 * Resident memory in bytes of a process and all its descendants.
 * @throws Error on systems without /proc
 */
export function residentBytes (pid: number): number {
  const parents = new Map<number, number[]>()
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    const parent = statusOf(Number(entry), 'PPid')
    if (parent !== null) parents.set(parent, [...parents.get(parent) ?? [], Number(entry)])
  }
  const sum = (process: number): number => (statusOf(process, 'VmRSS') ?? 0) * 1024 +
    (parents.get(process) ?? []).reduce((total, child) => total + sum(child), 0)
  return sum(pid)
}

/** Resident memory in bytes of a process alone. */
export function ownResidentBytes (pid: number): number {
  return (statusOf(pid, 'VmRSS') ?? 0) * 1024
}

/** Runs a task and returns the largest resident memory of a process meanwhile, in bytes. */
export async function peakBytesDuring (pid: number, task: () => Promise<unknown>): Promise<number> {
  // Resets the maximum (VmHWM) to the memory in use.
  writeFileSync(`/proc/${pid}/clear_refs`, '5')
  await task()
  return (statusOf(pid, 'VmHWM') ?? 0) * 1024
}

/** A number from /proc/<pid>/status, or null if the process has ended. */
function statusOf (pid: number, field: string): number | null {
  try {
    const found = new RegExp(`^${field}:\\s*(\\d+)`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
    return found ? Number(found[1]) : null
  } catch {
    return null
  }
}
