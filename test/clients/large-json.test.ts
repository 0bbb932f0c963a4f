import { execFile } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { ROOT } from '../../config/root.ts'
import { canMeasureStalls, withStall } from '../event-loop.ts'
import { createTestEngine, startService } from '../helper.ts'

const MB = 1024 * 1024
const SCRIPT = path.join(ROOT, 'test/clients/send-json-images.mjs')
/** Far less than one of the images, and than the text of the body (213 MB). */
const MOST_GROWTH_BYTES = 48 * MB
/** Processor time between two turns of the event loop. It is about 10 ms on a machine of 2026. */
const MOST_STALL_MS = 20

const send = async (url: string, images: number, bytes: number) => {
  const { stdout } = await promisify(execFile)(process.execPath, [SCRIPT, `${url}/api/chat`, `${images}`, `${bytes}`])
  return JSON.parse(stdout) as { status: number, code: string }
}

/** Runs a task and returns the largest resident memory of this process meanwhile, above the one before. */
async function withGrowth<T> (task: () => Promise<T>): Promise<{ result: T, growth: number }> {
  const before = process.memoryUsage.rss()
  let peak = before
  const timer = setInterval(() => { peak = Math.max(peak, process.memoryUsage.rss()) }, 5)
  try {
    return { result: await task(), growth: peak - before }
  } finally {
    clearInterval(timer)
  }
}

t.test('8 images of 20 MB in a JSON body need little memory and do not stop the event loop', async t => {
  const service = await startService(t, {}, await createTestEngine(t))
  // The first body compiles the code and fills the heap.
  await send(service.url, 8, 5 * MB)
  await service.quiet()
  const { result: { result, growth }, stall } = await withStall(() =>
    withGrowth(() => send(service.url, 8, 20 * MB - 64 * 1024)))
  t.same(result, { status: 415, code: 'UNSUPPORTED_IMAGE' }, 'the whole body is read')
  await service.quiet()
  const [grown, ran, wall] = [growth / MB, stall.ranMs, stall.wallMs].map(Math.round)
  t.comment(`resident memory grows by ${grown} MB; the longest stall computes ${ran} ms, by the clock ${wall} ms`)
  t.ok(growth < MOST_GROWTH_BYTES, `${grown} MB`)
  if (canMeasureStalls) t.ok(stall.ranMs < MOST_STALL_MS, `${ran} ms`)
})
