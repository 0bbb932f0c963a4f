import { existsSync } from 'node:fs'
import path from 'node:path'
import type { Test } from 'tap'
import { LLAMA_SERVER, QUICK_LLAMA_SERVER } from '../../tools/bench/build-llama-server.ts'
import { freePort, startServer, type ServerProcess } from '../../tools/bench/lib/processes.ts'
import { DEMO } from '../../models/presets.ts'
import { ROOT } from '../../config/root.ts'

/** Path of the program; null if it is not built. */
export const program = [QUICK_LLAMA_SERVER, LLAMA_SERVER].find(file => existsSync(file)) ?? null

/** Tokens of one slot of llama-server. */
export const CONTEXT_SIZE = 4096
export const SLOTS = 2

export interface LlamaServerOptions {
  port?: number
  /** Paths; the embedded model by default. */
  files?: { model: string, mmproj: string }
  /** Additional arguments. */
  args?: string[]
}

const EMBEDDED = { model: path.join(ROOT, DEMO.model), mmproj: path.join(ROOT, DEMO.mmproj) }

/** Starts llama.cpp's own server, waits until it is ready, and stops it with the test. */
export async function startLlamaServer (
  t: Test, { port, files = EMBEDDED, args = [] }: LlamaServerOptions = {}
): Promise<ServerProcess> {
  const own = port ?? await freePort()
  const server = await startServer({
    command: program!,
    args: [
      '--model', files.model, '--mmproj', files.mmproj,
      '--host', '127.0.0.1', '--port', String(own), '--offline', '--device', 'none',
      '--parallel', String(SLOTS), '--ctx-size', String(SLOTS * CONTEXT_SIZE), '--threads', '1', '--jinja',
      '--image-min-tokens', '16', '--image-max-tokens', '36', '--no-warmup', '--slots', ...args
    ],
    port: own,
    healthPath: '/health'
  })
  t.teardown(() => server.stop())
  return server
}

/** Returns the number of busy slots that llama-server reports. */
export async function working (url: string): Promise<number> {
  const slots = await (await fetch(`${url}/slots`)).json() as Array<{ is_processing: boolean }>
  return slots.filter(slot => slot.is_processing).length
}

/** Waits until this number of slots is busy. Returns the milliseconds of waiting. */
export async function untilWorking (url: string, count: number): Promise<number> {
  const from = performance.now()
  for (let i = 0; await working(url) !== count; i++) {
    if (i > 2000) throw new Error(`llama-server has ${await working(url)} busy slots, not ${count}`)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
  return performance.now() - from
}
