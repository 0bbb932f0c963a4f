/**
 * Clients generated from docs/openapi.json compile and work with the real service. `programs/` has a program for each
 * generator, written as a user of the client writes it.
 */
import { execFile } from 'node:child_process'
import { cpSync } from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { ROOT } from '../../config/root.ts'
import { ask, createTestEngine, drawShape, startService } from '../helper.ts'
import type { Refused, Seen } from './programs/seen.ts'

// It imports clients that generators write, so it needs the loader of TypeScript.

interface Program {
  use (baseUrl: string, one: Blob, two: Blob): Promise<Seen>
  refused (): Promise<Refused>
}

const GENERATORS = ['hey-api', 'orval', 'kubb', 'openapi-fetch']
const COMPILER = [
  path.join(ROOT, 'node_modules/typescript/bin/tsc'), '--ignoreConfig', '--noEmit', '--strict', '--skipLibCheck',
  '--noUncheckedIndexedAccess', '--target', 'es2022', '--lib', 'es2023,dom,dom.iterable,dom.asynciterable',
  '--module', 'esnext', '--moduleResolution', 'bundler', '--allowImportingTsExtensions', '--types', 'node'
]

const dir = path.join(t.testdir({ programs: {} }), 'programs')
cpSync(path.join(ROOT, 'test/openapi/programs'), dir, { recursive: true })
await Promise.all(GENERATORS.map(name =>
  node('--import=tsx', path.join(ROOT, 'test/openapi/generate.ts'), name, path.join(dir, `${name}-client`))
))

t.test('programs with generated clients compile', async t => {
  t.equal(await node(...COMPILER, ...GENERATORS.map(name => path.join(dir, `${name}.ts`))), '')
})

t.test('programs with generated clients run', async t => {
  const engine = await createTestEngine(t)
  const service = await startService(t, { MAX_CONCURRENT_REQUESTS: '1' }, engine)
  const red = await drawShape('circle', 'red', 'white')
  const blue = await drawShape('square', 'blue', 'yellow')
  const blob = (data: Buffer) => new Blob([new Uint8Array(data)], { type: 'image/png' })
  const { body: expected } = await ask(service.url, { message: 'Describe the images.' }, [red, blue])

  for (const name of GENERATORS) {
    await t.test(name, async t => {
      const { use, refused } = await import(pathToFileURL(path.join(dir, `${name}.ts`)).href) as Program
      while (service.app.isOverloaded()) await new Promise(resolve => setTimeout(resolve, 50))
      const seen = await use(service.url, blob(red), blob(blue))
      t.equal(seen.answer.response, expected.response)
      t.same(seen.answer.images.map(it => it.id), expected.images.map(it => it.id), 'both files arrive')
      t.equal(seen.again.usage.image_tokens, seen.answer.usage.image_tokens, 'the history arrives')
      t.match(seen.again.response, /blue square/i)
      t.match(JSON.parse(seen.formatted).size, /^[SM]$/, 'the response format arrives')
      const tokens = seen.events.map(event => (event as { text?: string }).text ?? '')
      t.equal(tokens.join(''), expected.response, 'the answer is streamed')
      t.match(seen.events.at(-1), { success: true })
      t.ok(seen.completion.length > 0)
      t.match(seen.invalid, { code: 'INVALID_FIELD', field: 'temperature', status: 400 })

      const slot = service.app.slots.tryTake()!
      t.match(await refused(), { code: 'SERVER_BUSY', status: 429, retryAfter: /^\d+$/ })
      slot.release()
      await service.quiet()
    })
  }
})

/** Runs Node and returns its output. Not synchronously, because the service runs in this process. */
async function node (...args: string[]): Promise<string> {
  return await promisify(execFile)(process.execPath, args, { cwd: ROOT })
    .then(({ stdout }) => stdout, error => `${error.stdout}${error.stderr}`)
}
