// Runs `races.cc` under ThreadSanitizer. That driver uses the same worker threads, encoder and evaluation as the
// addon, but not Node, which is not instrumented. `Lane` is not covered, because it passes results to Node.
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { compile } from './compile.mjs'

const MODELS = path.join(path.dirname(fileURLToPath(import.meta.url)), '../../models/demo')
const SEED = '1'
const TIMEOUT_MS = 20 * 60_000

const options = [
  // llama.cpp's prebuilt libraries are not instrumented. The sanitizer sees their locks but not their memory
  // accesses, so it finds races only within the bridge's sources and mtmd's.
  'ignore_noninstrumented_modules=1',
  // ggml's threads are never stopped (threads.h).
  'report_thread_leaks=0',
  // After a race, the driver could wait forever.
  'halt_on_error=1'
]

function run (command, args) {
  return spawnSync(command, args, {
    stdio: ['ignore', 'inherit', 'pipe'],
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    timeout: TIMEOUT_MS,
    env: { ...process.env, TSAN_OPTIONS: options.join(':') }
  })
}

/** @returns {boolean} true when nothing was found */
export function checkThreads (images) {
  const { out, bins } = compile('thread', 'races')
  const command = [
    path.join(out, 'races'), path.join(MODELS, 'tiny-qwen2-vl-q8_0.gguf'),
    path.join(MODELS, 'mmproj-tiny-qwen2-vl-f16.gguf'), bins, images, SEED
  ]
  let result = run(command[0], command.slice(1))
  // Some kernels randomise addresses beyond the sanitizer's shadow memory: run once more without randomisation.
  if (/unexpected memory mapping/.test(result.stderr)) result = run('setarch', ['-R', ...command])
  if (result.status !== 0) console.error(result.stderr)
  console.log(`ThreadSanitizer: ${result.status === 0 ? 'no race' : `ended with ${result.status ?? result.signal}`}`)
  return result.status === 0
}
