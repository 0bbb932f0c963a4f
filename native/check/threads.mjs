// ThreadSanitizer on `races.cc`, a driver without Node, in which it would find far too much: the same worker threads, encoder and evaluation as in
// the addon. Not Lane, which hands results to Node.
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { compile } from './compile.mjs'

const MODELS = path.join(path.dirname(fileURLToPath(import.meta.url)), '../../models/demo')
const SEED = '1'
const TIMEOUT_MS = 20 * 60_000

const options = [
  // llama.cpp's libraries come without instrumentation. Their locks are seen, their memory is not: a race inside them, or between them and us, would not
  // be noticed. What is looked at is our files and mtmd's.
  'ignore_noninstrumented_modules=1',
  // ggml's threads stay, on purpose (threads.h).
  'report_thread_leaks=0',
  // After a race the driver may as well wait for ever.
  'halt_on_error=1'
]

function run (command, args) {
  return spawnSync(command, args, {
    stdio: ['ignore', 'inherit', 'pipe'],
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    timeout: TIMEOUT_MS,
    env: {
      ...process.env, TSAN_OPTIONS: options.join(':')
    }
  })
}

/** @returns {boolean} whether nothing was found */
export function checkThreads (images) {
  const { out, bins } = compile('thread', 'races')
  const command = [
    path.join(out, 'races'), path.join(MODELS, 'tiny-qwen2-vl-q8_0.gguf'),
    path.join(MODELS, 'mmproj-tiny-qwen2-vl-f16.gguf'), bins, images, SEED
  ]
  let result = run(command[0], command.slice(1))
  // Where the kernel spreads addresses more widely than the sanitizer's shadow memory allows for.
  if (/unexpected memory mapping/.test(result.stderr)) result = run('setarch', ['-R', ...command])
  if (result.status !== 0) console.error(result.stderr)
  console.log(`ThreadSanitizer: ${result.status === 0 ? 'no race' : `ended with ${result.status ?? result.signal}`}`)
  return result.status === 0
}
