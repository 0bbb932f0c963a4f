// Runs `images.mjs` with the addon under AddressSanitizer, inside Node. Leaks count only if their stack starts in the
// bridge's sources or in mtmd's; memory that Node itself never frees does not count, even if the bridge made the call.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { compile } from './compile.mjs'

const HERE = path.dirname(fileURLToPath(import.meta.url))

/** @returns {Promise<boolean>} true when nothing was found */
export async function checkAddresses (images) {
  const addon = path.join(compile('address', 'vision-cpu').out, 'vision-cpu.node')
  const runtime = execFileSync('gcc', ['-print-file-name=libasan.so'], { encoding: 'utf8' }).trim()
  const child = spawn(process.execPath, [path.join(HERE, 'images.mjs'), addon, images], {
    stdio: ['ignore', 'inherit', 'pipe'],
    env: {
      ...process.env,
      LD_PRELOAD: runtime,
      // Node frees much memory only at exit, so leaks do not set the exit code: the report is read below.
      ASAN_OPTIONS: 'exitcode=23:detect_leaks=1:fast_unwind_on_malloc=0:alloc_dealloc_mismatch=0',
      LSAN_OPTIONS: 'exitcode=0:max_leaks=0'
    }
  })
  let report = ''
  child.stderr.setEncoding('utf8').on('data', text => { report += text })
  const [code] = await once(child, 'exit')
  const ours = report.split('\n\n').filter(block =>
    /leak of/.test(block) && /native\/src\/|tools\/mtmd\//.test(block.split(`(${process.execPath}+`)[0]))
  if (code !== 0) console.error(report)
  else if (ours.length > 0) console.error(ours.join('\n\n'))
  console.log(`AddressSanitizer: ${code === 0 ? 'no fault' : `ended with ${code}`}, ${ours.length} leaks in the bridge`)
  return code === 0 && ours.length === 0
}
