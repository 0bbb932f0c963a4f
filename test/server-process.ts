import { fork, type ChildProcess } from 'node:child_process'
import path from 'node:path'
import { createInterface } from 'node:readline'
import type { Test } from 'tap'
import { ROOT } from '../config/root.ts'
import { builtFile, isBuilt } from './built.ts'

export interface Launched {
  child: ChildProcess
  /** Everything that the process has written to stdout and stderr so far. */
  output (): string
  exited: Promise<{ code: number | null, signal: string | null }>
}

export interface Server extends Launched {
  port: number
  url: string
}

/** Starts the service in its own process on a free port. The process is killed with the test. */
export function launch (t: Test, env: Record<string, string>): Launched {
  const [file, execArgv] =
    isBuilt ? [builtFile('server.js'), []] : [path.join(ROOT, 'server.ts'), ['--import', import.meta.resolve('tsx')]]
  const child = fork(file, {
    execArgv, stdio: ['ignore', 'pipe', 'pipe', 'ipc'], env: { ...process.env, PORT: '0', LLAMA_GPU: 'off', ...env }
  })
  let text = ''
  for (const stream of [child.stdout!, child.stderr!]) {
    createInterface({ input: stream }).on('line', line => { text += line + '\n' })
  }
  const exited = new Promise<{ code: number | null, signal: string | null }>(resolve =>
    child.once('close', (code, signal) => resolve({ code, signal })))
  t.teardown(async () => {
    child.kill('SIGKILL')
    await exited
  })
  return { child, output: () => text, exited }
}

/** Starts the service like `launch` and waits until it accepts requests. */
export async function start (t: Test, env: Record<string, string>): Promise<Server> {
  const server = launch(t, env)
  await until(() => server.output().includes('"service ready"'), () => server.output())
  const port = Number(/"url":"http:\/\/[^:]+:(\d+)"/.exec(server.output())![1])
  return { ...server, port, url: `http://127.0.0.1:${port}` }
}

/**
 * Waits until a condition is true. Throws after 30 seconds, or later on a busy machine.
 * @param describe adds the state of things to the error
 */
export async function until (condition: () => boolean, describe = () => ''): Promise<void> {
  for (let i = 0; !condition(); i++) {
    if (i > 3000) throw new Error(`still false after 30 s: ${condition} ${describe()}`)
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}

export function isAlive (pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
