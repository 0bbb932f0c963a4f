// Compiles the bridge for CPUs with one of GCC's sanitizers.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { definitions, findVariants, packageDir } from '../build.mjs'

const HERE = path.dirname(fileURLToPath(import.meta.url))

/**
 * Compiles the sources that changed since the last call.
 * @param {'address' | 'thread'} sanitizer
 * @param {string} target a target of CMakeLists.txt
 * @returns {{ out: string, bins: string }} the folder of the result, and the folder of the llama.cpp libraries to which
 *   it is linked
 */
export function compile (sanitizer, target) {
  const bundle = path.join(packageDir('node-llama-cpp'), 'llama/gitRelease.bundle')
  const build = path.join(HERE, 'build')
  const sources = path.join(build, 'llama.cpp')
  const out = path.join(build, sanitizer)
  const cpu = findVariants().find(({ name }) => name === 'cpu')
  if (!cpu) throw new Error('node-llama-cpp has no prebuilt llama.cpp for CPUs; install without --omit=optional')

  mkdirSync(build, { recursive: true })
  const run = (command, args) => execFileSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'] })
  if (!existsSync(sources)) run('git', ['clone', '--quiet', '-c', 'advice.detachedHead=false', bundle, sources])
  run('cmake', [
    '-S', path.dirname(HERE), '-B', out, '-DCMAKE_BUILD_TYPE=RelWithDebInfo', `-DSANITIZE=${sanitizer}`,
    ...definitions(sources, [cpu])
  ])
  run('cmake', ['--build', out, '--parallel', String(os.availableParallelism()), '--target', target])
  return { out, bins: cpu.bins }
}
