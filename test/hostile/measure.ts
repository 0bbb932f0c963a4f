/**
 * Inspects and prepares images one after another in a separate process. Prints a line of JSON for each image: the
 * outcome, the time, and the increase of the memory of the process. Needs Linux.
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
  /** `accepted`, the code of the error, or the text of an unexpected error. */
  outcome: string
  message: string
  ms: number
  /** Maximum memory during the work, above the memory before it. */
  bytes: number
}

const BOUNDS = { multiple: 28, minTokens: 16, maxTokens: 36, maxSide: 1024, maxPixels: 1_003_520 }
const [maxInputPixels, ...files] = process.argv.slice(2)

/** Reads a figure of /proc/self/status in bytes. */
const figure = (name: string) =>
  Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(readFileSync('/proc/self/status', 'utf8'))![1]) * 1024

async function prepare (path: string): Promise<void> {
  const file = { path, label: 'images[0]', bytes: statSync(path).size }
  const header = await inspectImage(file, { maxInputPixels: Number(maxInputPixels) })
  await prepareImage(file, header, fit(header.width, header.height, BOUNDS))
}

for (const file of files) {
  // Resets the maximum (VmHWM) to the memory in use.
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
