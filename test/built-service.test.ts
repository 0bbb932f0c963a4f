import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import path from 'node:path'
import t from 'tap'
import { ROOT } from '../config/root.ts'
import { ask, drawShape } from './helper.ts'

/** Runs the same file as `npm start`, from the build that `npm test` makes first. */
t.test('the built service starts from an empty environment, serves its page and answers about two images', async t => {
  const { PATH = '', HOME = '' } = process.env
  const child = spawn(process.execPath, [path.join(ROOT, 'dist/server.js')], {
    cwd: t.testdir(),
    env: { PATH, HOME, PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit']
  })
  const exited = new Promise<number | null>(resolve => child.once('exit', code => resolve(code)))
  t.teardown(() => child.kill('SIGKILL'))
  let url = ''
  for await (const line of createInterface({ input: child.stdout })) {
    url = /"url":"(http:\/\/127\.0\.0\.1:\d+)"/.exec(line)?.[1] ?? ''
    if (url) break
  }
  child.stdout.resume()
  t.match(await (await fetch(url)).text(), /<script type="module"/)
  const images = await Promise.all([drawShape('circle', 'red', 'white'), drawShape('square', 'blue', 'yellow')])
  const { status, body } = await ask(url, { message: 'Describe the images.' }, images)
  t.equal(status, 200)
  t.equal(
    body.response, 'Picture 1: a red circle on a white background. Picture 2: a blue square on a yellow background.'
  )
  child.kill('SIGTERM')
  t.equal(await exited, 0)
})
