// Compiles the bridge for the CPU with AddressSanitizer and lets `pictures.mjs` work with it inside Node: `npm run check:native`. Linux with GCC.
// What the sanitizer finds in our sources or mtmd's ends it with an error; what Node itself leaves behind does not count.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, existsSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { findVariants, packageDir } from '../build.mjs'

const HERE = path.dirname(fileURLToPath(import.meta.url))
const NATIVE = path.dirname(HERE)
const OUT = path.join(HERE, 'build')
const pictures = process.argv[2] ?? '1000'

function build () {
  const llamaDir = path.join(packageDir('node-llama-cpp'), 'llama')
  const sources = path.join(OUT, 'llama.cpp')
  const variants = findVariants().filter(({ name }) => name === 'cpu')
  if (variants.length === 0) throw new Error('node-llama-cpp brought no llama.cpp for CPUs')
  mkdirSync(OUT, { recursive: true })
  const run = (command, args) => execFileSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'] })
  if (!existsSync(sources)) run('git', ['clone', '--quiet', '-c', 'advice.detachedHead=false', path.join(llamaDir, 'gitRelease.bundle'), sources])
  run('cmake', [
    '-S', NATIVE, '-B', path.join(OUT, 'out'), '-DCMAKE_BUILD_TYPE=RelWithDebInfo', '-DSANITIZE=address',
    `-DLLAMA_CPP=${sources}`,
    `-DADDON_DIR=${path.join(llamaDir, 'addon')}`,
    `-DNAPI_DIRS=${packageDir('node-addon-api')};${path.join(packageDir('node-api-headers'), 'include')}`,
    `-DVARIANTS=${variants.map(({ name, bins, llama, ggml }) => [name, bins, llama, ggml].join('|')).join(';')}`
  ])
  run('cmake', ['--build', path.join(OUT, 'out'), '--parallel', String(os.availableParallelism()), '--target', 'vision-cpu'])
  return path.join(OUT, 'out', 'vision-cpu.node')
}

const addon = build()
const runtime = execFileSync('gcc', ['-print-file-name=libasan.so'], { encoding: 'utf8' }).trim()
const child = spawn(process.execPath, [path.join(HERE, 'pictures.mjs'), addon, pictures], {
  stdio: ['ignore', 'inherit', 'pipe'],
  env: {
    ...process.env,
    LD_PRELOAD: runtime,
    // Node keeps much until its end; the report is read below. 23 only for what is found while it runs.
    ASAN_OPTIONS: 'exitcode=23:detect_leaks=1:fast_unwind_on_malloc=0:alloc_dealloc_mismatch=0',
    LSAN_OPTIONS: 'exitcode=0:max_leaks=0'
  }
})
let report = ''
child.stderr.setEncoding('utf8').on('data', text => { report += text })
const [code] = await once(child, 'exit')
const ours = report.split('\n\n').filter(block => /leak of/.test(block) && /native\/src\/|tools\/mtmd\//.test(block))
if (code !== 0) console.error(report)
else if (ours.length > 0) console.error(ours.join('\n\n'))
console.log(`AddressSanitizer: ${code === 0 ? 'no fault' : `ended with ${code}`}, ${ours.length} leaks in the bridge`)
process.exit(code !== 0 || ours.length > 0 ? 1 : 0)
