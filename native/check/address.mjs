// AddressSanitizer inside Node: `images.mjs` works with the addon. What is found in our sources or mtmd's counts; what Node itself leaves behind
// does not, even where we called it.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { compile } from './compile.mjs'

const HERE = path.dirname(fileURLToPath(import.meta.url))

/** @returns {Promise<boolean>} whether nothing was found */
export async function checkAddresses (images) {
  const addon = path.join(compile('address', 'vision-cpu').out, 'vision-cpu.node')
  const runtime = execFileSync('gcc', ['-print-file-name=libasan.so'], { encoding: 'utf8' }).trim()
  const child = spawn(process.execPath, [path.join(HERE, 'images.mjs'), addon, images], {
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
  const ours = report.split('\n\n').filter(block =>
    /leak of/.test(block) && /native\/src\/|tools\/mtmd\//.test(block.split(`(${process.execPath}+`)[0]))
  if (code !== 0) console.error(report)
  else if (ours.length > 0) console.error(ours.join('\n\n'))
  console.log(`AddressSanitizer: ${code === 0 ? 'no fault' : `ended with ${code}`}, ${ours.length} leaks in the bridge`)
  return code === 0 && ours.length === 0
}
