import { existsSync } from 'node:fs'
import path from 'node:path'
import type { Test } from 'tap'
import { LLAMA_SERVER, QUICK_LLAMA_SERVER } from '../../tools/bench/build-llama-server.ts'
import { freePort, startServer, type ServerProcess } from '../../tools/bench/lib/processes.ts'
import { DEMO } from '../../models/presets.ts'
import { ROOT } from '../../config/root.ts'

/** The program, as it was built; null: it was not. */
export const program = [QUICK_LLAMA_SERVER, LLAMA_SERVER].find(file => existsSync(file)) ?? null

/** Tokens of a slot, and slots. */
export const CONTEXT_SIZE = 4096
export const SLOTS = 2

/**
 * llama.cpp's own server with the embedded model, ready, and stopped with the test.
 * @param args beside those that the model needs
 */
export async function startLlamaServer (
  t: Test, { port, args = [] }: { port?: number, args?: string[] } = {}
): Promise<ServerProcess> {
  const own = port ?? await freePort()
  const server = await startServer({
    command: program!,
    args: [
      '--model', path.join(ROOT, DEMO.model), '--mmproj', path.join(
        ROOT, DEMO.mmproj
      ), '--host', '127.0.0.1', '--port', String(own), '--offline', '--device', 'none',
      '--parallel', String(SLOTS), '--ctx-size', String(
        SLOTS * CONTEXT_SIZE
      ), '--threads', '1', '--jinja', '--image-min-tokens', '16', '--image-max-tokens', '36', '--no-warmup', '--slots',
      ...args
    ],
    port: own,
    healthPath: '/health'
  })
  t.teardown(() => server.stop())
  return server
}

/** How many of its slots work, as it says itself. */
export async function working (url: string): Promise<number> {
  const slots = await (await fetch(`${url}/slots`)).json() as Array<{ is_processing: boolean }>
  return slots.filter(slot => slot.is_processing).length
}

/** Waits until so many of them work. Returns the milliseconds that it took. */
export async function untilWorking (url: string, count: number): Promise<number> {
  const from = performance.now()
  for (let i = 0; await working(url) !== count; i++) {
    if (i > 2000) throw new Error(`${await working(url)} slots of llama-server work, not ${count}`)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
  return performance.now() - from
}
