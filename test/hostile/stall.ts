/**
 * Inspects images in a separate process and prints a line of JSON for each: the outcome, and how long the event loop
 * had no turn. The process is separate because tap tracks all promises, which makes them slow. Needs Linux.
 *
 * node --import tsx test/hostile/stall.ts <MAX_INPUT_PIXELS> <at once>:<file>…
 */
import { readFileSync, statSync } from 'node:fs'
import { inspectImage } from '../../services/images/inspect.ts'

/** Times in milliseconds. */
export interface Stall {
  /** `accepted`, or the message of the error. */
  outcome: string
  /** Longest processor time of the main thread between two turns of the event loop. */
  longestMs: number
  /** Longest wall-clock time between two turns. Other programs can increase it. */
  longestWallMs: number
  /** Total processor time of the main thread. */
  mainMs: number
  /** Total wall-clock time. */
  wallMs: number
}

/** Returns the processor time of this thread in milliseconds. Other programs do not increase it. */
const threadMs = () => Number(readFileSync('/proc/thread-self/schedstat', 'utf8').split(' ')[0]) / 1e6

async function inspect (path: string): Promise<string> {
  const file = { path, label: 'a', bytes: statSync(path).size }
  const limits = { maxInputPixels: Number(maxInputPixels) }
  return await inspectImage(file, limits).then(() => 'accepted', (error: Error) => error.message)
}

async function measure (path: string, atOnce: number): Promise<Stall> {
  const first = { thread: threadMs(), wall: performance.now() }
  let last = first
  let [longestMs, longestWallMs] = [0, 0]
  const look = () => {
    const now = { thread: threadMs(), wall: performance.now() }
    longestMs = Math.max(longestMs, now.thread - last.thread)
    longestWallMs = Math.max(longestWallMs, now.wall - last.wall)
    last = now
  }
  const timer = setInterval(look, 1)
  const outcomes = await Promise.all(Array.from({ length: atOnce }, () => inspect(path)))
  clearInterval(timer)
  look()
  const [mainMs, wallMs] = [last.thread - first.thread, last.wall - first.wall]
  return { outcome: outcomes[0]!, longestMs, longestWallMs, mainMs, wallMs }
}

const [maxInputPixels, ...runs] = process.argv.slice(2)
// The first inspection loads the libraries, so it is not measured.
await inspect(runs[0]!.replace(/^\d+:/, ''))
for (const run of runs) {
  const [, atOnce, path] = /^(\d+):(.*)$/.exec(run)!
  console.log(JSON.stringify(await measure(path!, Number(atOnce))))
}
