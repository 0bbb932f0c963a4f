// Builds the vision bridge at `npm ci`. It compiles the llama.cpp sources of the pinned node-llama-cpp package and
// links them to the libraries that node-llama-cpp loads. The result is in native/build/<hash of all inputs>, so a
// second install compiles nothing. This file is plain JavaScript because it runs before anything is built.
import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const HERE = path.dirname(fileURLToPath(import.meta.url))
const require = createRequire(import.meta.url)

/** Returns the folder of an installed package, or null. */
export function packageDir (name) {
  for (const base of require.resolve.paths(name) ?? []) {
    if (existsSync(path.join(base, name, 'package.json'))) return path.join(base, name)
  }
  return null
}

const library = (bins, pattern) => readdirSync(bins).find(file => pattern.test(file))

/**
 * Finds the prebuilt variants of llama.cpp that node-llama-cpp installed on this machine.
 * @returns {{ name: string, bins: string, llama: string, ggml: string }[]}
 */
export function findVariants () {
  const platform = { linux: 'linux', darwin: 'mac' }[process.platform]
  const candidates = [
    ['cpu', `${platform}-${process.arch === 'arm' ? 'armv7l' : process.arch}`],
    ['cuda', `${platform}-${process.arch}-cuda`],
    ['vulkan', `${platform}-${process.arch}-vulkan`],
    ['metal', `${platform}-${process.arch}-metal`]
  ]
  return candidates.flatMap(([name, folder]) => {
    const dir = packageDir(`@node-llama-cpp/${folder}`)
    const bins = dir && path.join(dir, 'bins', folder)
    if (!bins || !existsSync(bins)) return []
    const llama = library(bins, /^libllama\.(?!common).*(so|dylib)$/)
    const ggml = library(bins, /^libggml\.(.*\.)?v.*(so|dylib)$/)
    return llama && ggml ? [{ name, bins, llama, ggml }] : []
  })
}

function hashInputs (variants) {
  const hash = createHash('sha256')
  hash.update(readFileSync(path.join(packageDir('node-llama-cpp'), 'package.json')))
  hash.update(`${process.platform} ${process.arch} node-addon-api ${require('node-addon-api/package.json').version}`)
  for (const { name, llama, ggml } of variants) hash.update(`${name} ${llama} ${ggml}`)
  const sources = [
    'CMakeLists.txt', 'build.mjs',
    ...['src', 'reference'].flatMap(dir => readdirSync(path.join(HERE, dir)).sort().map(file => path.join(dir, file)))
  ]
  for (const file of sources) hash.update(file).update(readFileSync(path.join(HERE, file)))
  return hash.digest('hex').slice(0, 16)
}

/** Returns `{ dir, variants }`: the folder of the bridge for the installed packages, whether it is built or not. */
export function locate () {
  const variants = findVariants()
  return { dir: path.join(HERE, 'build', hashInputs(variants)), variants }
}

/** Returns the variables of CMakeLists.txt as arguments for cmake. */
export const definitions = (sources, variants) => [
  `-DLLAMA_CPP=${sources}`,
  `-DADDON_DIR=${path.join(packageDir('node-llama-cpp'), 'llama/addon')}`,
  `-DNAPI_DIRS=${packageDir('node-addon-api')};${path.join(packageDir('node-api-headers'), 'include')}`,
  `-DVARIANTS=${variants.map(({ name, bins, llama, ggml }) => [name, bins, llama, ggml].join('|')).join(';')}`
]

function fail (sentence) {
  console.error(`\nSightline: ${sentence}\n`)
  process.exit(1)
}

function need (command, hint) {
  if (spawnSync(command, ['--version'], { stdio: 'ignore' }).status !== 0) {
    fail(`${command} is needed to build the vision bridge; ${hint}`)
  }
}

function build () {
  if (!['linux', 'darwin'].includes(process.platform)) {
    fail('the vision bridge is built on Linux and macOS; on Windows use WSL 2 or Docker')
  }
  const { dir, variants } = locate()
  if (variants.length === 0) {
    const platform = `${process.platform}-${process.arch}`
    fail(`node-llama-cpp has no prebuilt llama.cpp for ${platform}; install without --omit=optional`)
  }
  if (existsSync(path.join(dir, 'done'))) return

  need('git', 'install it, e.g. apt-get install git')
  need('cmake', 'install CMake 3.19 or newer, e.g. apt-get install cmake')
  need(process.env.CXX ?? 'c++', 'install a C++17 compiler, e.g. apt-get install g++ make')
  const ninja = spawnSync('ninja', ['--version'], { stdio: 'ignore' }).status === 0
  if (!ninja) need('make', 'install it, e.g. apt-get install make')

  console.log(
    `Building the vision bridge for ${variants.map(variant => variant.name).join(', ')} (a minute or two, once) …`
  )
  const bundle = path.join(packageDir('node-llama-cpp'), 'llama/gitRelease.bundle')
  const work = mkdtempSync(path.join(os.tmpdir(), 'sightline-build-'))
  const run = (command, args) =>
    execFileSync(command, args, { stdio: ['ignore', 'pipe', 'inherit'], maxBuffer: 1 << 28 })
  try {
    run('git', ['clone', '--quiet', '-c', 'advice.detachedHead=false', bundle, path.join(work, 'llama.cpp')])
    run('cmake', [
      '-S', HERE, '-B', path.join(work, 'out'), '-DCMAKE_BUILD_TYPE=Release', ...(ninja ? ['-GNinja'] : []),
      ...definitions(path.join(work, 'llama.cpp'), variants)
    ])
    run('cmake', ['--build', path.join(work, 'out'), '--parallel', String(os.availableParallelism())])

    // The rename publishes a complete folder, so an interrupted build never looks finished.
    rmSync(path.join(HERE, 'build'), { recursive: true, force: true })
    const staging = `${dir}.${process.pid}`
    mkdirSync(staging, { recursive: true })
    for (const { name } of variants) {
      cpSync(path.join(work, 'out', `vision-${name}.node`), path.join(staging, `vision-${name}.node`))
    }
    // The tests compare prompts and answers with the reference program, also for templates of newer models.
    if (existsSync(path.join(work, 'out', 'reference'))) {
      cpSync(path.join(work, 'out', 'reference'), path.join(staging, 'reference'))
      cpSync(path.join(work, 'llama.cpp/models/templates'), path.join(staging, 'templates'), { recursive: true })
    }
    mkdirSync(path.join(staging, 'done'))
    renameSync(staging, dir)
  } catch (error) {
    if (error.stdout) console.error(String(error.stdout).slice(-8000))
    fail(`the vision bridge could not be built: ${error.message.split('\n')[0]}`)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) build()
