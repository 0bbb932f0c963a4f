/**
 * Inspects and prepares images one after the other in a process of its own, as the service does, and prints a line of JSON for each:
 * what came of it, how long it took, and how far the memory of this process rose above what it was before. Linux.
 *
 * node --import tsx test/hostile/measure.ts <MAX_INPUT_PIXELS> <file>…
 */
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import type { SightlineError } from '../../errors/catalogue.ts'
import { inspectImage } from '../../services/images/inspect.ts'
import { fit } from '../../services/images/plan.ts'
import { prepareImage } from '../../services/images/prepare.ts'

export interface Measurement {
  file: string
  /** `accepted`, the code of the refusal, or the message of an error that is none. */
  outcome: string
  message: string
  ms: number
  bytes: number
}

const BOUNDS = { multiple: 28, minTokens: 16, maxTokens: 36, maxSide: 1024, maxPixels: 1_003_520 }
const [maxInputPixels, ...files] = process.argv.slice(2)

/** A figure of /proc/self/status in bytes. */
const figure = (name: string) =>
  Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(readFileSync('/proc/self/status', 'utf8'))![1]) * 1024

async function prepare (path: string): Promise<void> {
  const file = { path, label: 'images[0]', bytes: statSync(path).size }
  const header = await inspectImage(file, { maxInputPixels: Number(maxInputPixels) })
  await prepareImage(file, header, fit(header.width, header.height, BOUNDS))
}

for (const file of files) {
  // Sets the high-water mark back to what is in use now.
  writeFileSync('/proc/self/clear_refs', '5')
  const before = figure('VmRSS')
  const start = performance.now()
  const error = await prepare(file).then(() => null, (error: SightlineError) => error)
  const measurement: Measurement = {
    file,
    outcome: error === null ? 'accepted' : error.code ?? String(error),
    message: error === null ? '' : `${error.message} | ${String((error.cause as Error | undefined)?.message ?? '')}`,
    ms: Math.round(performance.now() - start),
    bytes: figure('VmHWM') - before
  }
  console.log(JSON.stringify(measurement))
}
