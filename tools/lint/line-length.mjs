// npm run lint:lines: fails on lines of C++, C, Python and CSS that are wider than 120 columns. ESLint checks the rest.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'

const MOST = 120
const ENDINGS = ['cc', 'cpp', 'h', 'c', 'py', 'css']

const listed = execFileSync('git', [
  'ls-files', '-z', '--cached', '--others', '--exclude-standard', '--', ...ENDINGS.map(ending => `*.${ending}`)
], { encoding: 'utf8' })
for (const file of listed.split('\0').filter(file => file !== '' && existsSync(file))) {
  for (const [index, line] of readFileSync(file, 'utf8').split('\n').entries()) {
    const width = [...line].length
    if (width <= MOST) continue
    console.error(`${file}:${index + 1}: ${width} columns, at most ${MOST} are allowed`)
    process.exitCode = 1
  }
}
