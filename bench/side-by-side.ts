/**
 * Three requests at once against three one after another, over HTTP on the real service: how much sooner they are done, and
 * whether their tokens interleave. Prints medians and the ratio of one run; absolute times depend on the machine.
 *
 *   npm run bench            (MODEL=… for another model than the embedded one, ROUNDS=… for more rounds)
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { pino } from 'pino'
import { buildApp } from '../app.ts'
import { loadConfig } from '../config.ts'
import { ROOT } from '../root.ts'
import { createEngine } from '../services/engine/create-engine.ts'

const CLIENTS = 3
const ROUNDS = Number(process.env.ROUNDS ?? 15)
const PICTURES = ['00.png', '03.png', '15.png'].map(file => readFileSync(path.join(ROOT, 'models/demo/examples', file)))

const uploads = mkdtempSync(path.join(os.tmpdir(), 'sightline-bench-'))
// Without the embedding cache every request does the same work.
const config = loadConfig({ ...process.env, UPLOAD_DIR: uploads, IMAGE_CACHE_MB: '0', MAX_CONCURRENT_REQUESTS: String(CLIENTS), PORT: '0' })
const log = pino({ level: 'warn' }, process.stderr)
const engine = createEngine(config, log)
await engine.ready()
const app = await buildApp({ config, engine, logger: log })
await app.listen({ host: '127.0.0.1', port: 0 })
const url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}/api/chat_stream`

/** Asks about all pictures; `onToken` is called for each token as it comes. */
async function ask (onToken: () => void): Promise<void> {
  const form = new FormData()
  form.append('message', 'Describe the images.')
  for (const picture of PICTURES) form.append('images', new Blob([picture]))
  const response = await fetch(url, { method: 'POST', body: form })
  if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`)
  const decoder = new TextDecoder()
  for await (const chunk of response.body!) {
    decoder.decode(chunk as Uint8Array).match(/^event: token$/gm)?.forEach(onToken)
  }
}

async function timed (run: () => Promise<unknown>): Promise<number> {
  const started = performance.now()
  await run()
  return performance.now() - started
}

const median = (values: number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!

await timed(() => ask(() => {}))
const sequential: number[] = []
const together: number[] = []
const switches: number[] = []
for (let round = 0; round < ROUNDS; round++) {
  sequential.push(await timed(async () => { for (let i = 0; i < CLIENTS; i++) await ask(() => {}) }))
  const order: number[] = []
  together.push(await timed(() => Promise.all(Array.from({ length: CLIENTS }, (_, client) => ask(() => order.push(client))))))
  switches.push(order.filter((client, i) => i > 0 && client !== order[i - 1]).length / (order.length - 1))
}
const { model, device } = engine.info()
console.log(`${model} on ${device}, ${os.availableParallelism()} cores, ${ROUNDS} rounds, ${PICTURES.length} pictures a request`)
console.log(`${CLIENTS} one after another   ${median(sequential).toFixed(0)} ms (median)`)
console.log(`${CLIENTS} at once             ${median(together).toFixed(0)} ms (median)`)
console.log(`at once / one by one  ${median(sequential.map((ms, i) => together[i]! / ms)).toFixed(2)} (median of the rounds' ratios; below 1: sooner done)`)
console.log(`token switches        ${(100 * median(switches)).toFixed(0)} % of neighbouring tokens come from different requests`)
await app.close()
rmSync(uploads, { recursive: true, force: true })
