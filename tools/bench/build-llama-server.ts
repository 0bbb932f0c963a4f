/**
 * Builds the contender llama-server from the llama.cpp sources inside the pinned node-llama-cpp package, without web
 * page and TLS. The build needs no network. The program loads node-llama-cpp's CPU kernels, `libggml-cpu-*.so`, and
 * chooses among them as Sightline does.
 *
 *   npm run bench:llama-server              (JOBS=4 sets the number of parallel compilers)
 *   QUICK=1 npm run bench:llama-server      not optimised, for `npm run check:llama-server`, not for measurements
 */
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { ROOT } from '../../config/root.ts'
import { BUILD_DIR } from './lib/paths.ts'

interface Variant { name: string, bins: string }

const PACKAGE_DIR = path.join(path.dirname(createRequire(import.meta.url).resolve('node-llama-cpp')), '..')
export const NODE_LLAMA_CPP_VERSION =
  (JSON.parse(readFileSync(path.join(PACKAGE_DIR, 'package.json'), 'utf8')) as { version: string }).version
const DIR = path.join(BUILD_DIR, `llama-server-${NODE_LLAMA_CPP_VERSION}`)
const QUICK_DIR = `${DIR}-quick`

/** Path of the built program, which may not exist. */
export const LLAMA_SERVER = path.join(DIR, 'llama-server')

/** Path of the program without optimisation. It gives the same answers, slowly. */
export const QUICK_LLAMA_SERVER = path.join(QUICK_DIR, 'llama-server')

/** Path of node-llama-cpp's CUDA backend, which llama-server can load. */
export async function cudaBackend (): Promise<string> {
  return path.join(await binsOf('cuda'), 'libggml-cuda.so')
}

/** The folder with a variant's libraries. */
async function binsOf (name: string): Promise<string> {
  const { findVariants } =
    await import(pathToFileURL(path.join(ROOT, 'native/build.mjs')).href) as { findVariants (): Variant[] }
  const found = findVariants().find(variant => variant.name === name)
  if (!found) throw new Error(`node-llama-cpp has no build for ${name} on ${process.platform}-${process.arch}`)
  return found.bins
}

async function build (): Promise<void> {
  const quick = process.env.QUICK === '1'
  const dir = quick ? QUICK_DIR : DIR
  if (existsSync(path.join(dir, 'llama-server'))) return
  const kernels = await binsOf('cpu')
  const jobs = process.env.JOBS ?? String(os.availableParallelism())
  const work = mkdtempSync(path.join(os.tmpdir(), 'sightline-llama-server-'))
  const sources = path.join(work, 'llama.cpp')
  const out = path.join(work, 'out')
  const run = (command: string, args: string[]) =>
    execFileSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'] })
  try {
    run('git', [
      'clone', '--quiet', '-c', 'advice.detachedHead=false', path.join(PACKAGE_DIR, 'llama/gitRelease.bundle'), sources
    ])
    run('cmake', [
      '-S', sources, '-B', out, '-DCMAKE_BUILD_TYPE=Release',
      ...quick ? ['-DCMAKE_C_FLAGS_RELEASE=-O0 -DNDEBUG', '-DCMAKE_CXX_FLAGS_RELEASE=-O0 -DNDEBUG'] : [],
      // No backend is compiled: the program loads them from its own folder.
      '-DBUILD_SHARED_LIBS=ON', '-DGGML_BACKEND_DL=ON', '-DGGML_CPU=OFF', '-DGGML_NATIVE=OFF',
      '-DLLAMA_BUILD_UI=OFF', '-DLLAMA_USE_PREBUILT_UI=OFF', '-DLLAMA_OPENSSL=OFF',
      '-DLLAMA_BUILD_TESTS=OFF', '-DLLAMA_BUILD_EXAMPLES=OFF', '-DLLAMA_BUILD_APP=OFF',
      '-DCMAKE_BUILD_RPATH_USE_ORIGIN=ON',
      // The kernels load `libggml-base.so`. With a version in its name, they would load a second copy.
      '-DCMAKE_PLATFORM_NO_VERSIONED_SONAME=ON'
    ])
    run('cmake', ['--build', out, '--target', 'llama-server', '--parallel', jobs])

    // The folder gets its final name only when the build is complete.
    const staging = `${dir}.${process.pid}`
    mkdirSync(staging, { recursive: true })
    cpSync(path.join(out, 'bin'), staging, { recursive: true, verbatimSymlinks: true })
    for (const file of readdirSync(kernels)) {
      if (file.startsWith('libggml-cpu')) cpSync(path.join(kernels, file), path.join(staging, file))
    }
    rmSync(dir, { recursive: true, force: true })
    renameSync(staging, dir)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await build()
