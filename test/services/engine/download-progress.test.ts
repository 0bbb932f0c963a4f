import t from 'tap'
import { createDownloadReporter } from '../../../services/engine/download-progress.ts'
import type { Log } from '../../../services/log.ts'

const nobody = () => { throw new Error('unexpected log line') }

t.test('the log gets a line per tenth of each file', async t => {
  const lines: object[] = []
  const log = { debug: nobody, warn: nobody, error: nobody, info: (details: object) => lines.push(details) } as Log
  const report = createDownloadReporter(log, { isTTY: false } as NodeJS.WriteStream)
  for (const file of ['a', 'b']) {
    for (let done = 0; done <= 1000; done++) report({ file, done: done * 1e6, total: 1e9 })
  }
  t.equal(lines.length, 22)
  t.same(lines.at(-1), { file: 'b', percent: 100, megabytes: 1000, ofMegabytes: 1000 })
})

t.test('a terminal gets a progress bar and a line break at its end', async t => {
  let text = ''
  const terminal = { isTTY: true, write: (chunk: string) => { text += chunk } } as unknown as NodeJS.WriteStream
  const report = createDownloadReporter({ debug: nobody, info: nobody, warn: nobody, error: nobody }, terminal)
  report({ file: 'model.gguf', done: 5e8, total: 1e9 })
  t.match(text, /^\r█{15}░{15} 50 % of 1000 MB {2}model\.gguf$/)
  report({ file: 'model.gguf', done: 1e9, total: 1e9 })
  t.match(text, /100 % of 1000 MB {2}model\.gguf\n$/)
})
