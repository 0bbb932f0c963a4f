import path from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { ROOT } from '../../config/root.ts'

const { failuresOf } = await import(pathToFileURL(path.join(ROOT, 'tools/scripts/tap-failures.mjs')).href) as
  { failuresOf (lines: string[]): string[] }

t.test('failed assertions are listed with their place', async t => {
  const output = `# Subtest: one
    ok 1 - good
    not ok 2 - should be equal
      ---
      diff: |
        --- expected
        +++ actual
      at:
        fileName: test/a.test.ts
        lineNumber: 7
        columnNumber: 3
      ...
    1..2
not ok 1 - one # time=5ms
ok 2 - two # time=1ms`
  t.same(failuresOf(output.split('\n')), ['    not ok 2 - should be equal (test/a.test.ts:7)', 'not ok 1 - one'])
})

t.test('output without a failed assertion ends with its last lines', async t => {
  const lines = Array.from({ length: 30 }, (_, i) => `line ${i}`)
  t.same(failuresOf([...lines, '', 'Error: it crashed']), [...lines.slice(-9), 'Error: it crashed'])
})
