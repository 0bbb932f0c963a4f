// node tools/scripts/try-node.mjs 22 24: starts the built service on these major versions of Node, which npm serves as
// packages, and asks a question about an image. Fails if an answer is wrong or the service does not end cleanly.
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, openAsBlob, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const ROOT = path.join(path.dirname(fileURLToPath(import.meta.url)), '../..')
const EXAMPLES = path.join(ROOT, 'models/demo/examples')
const TIMEOUT_MS = 120_000

const versions = process.argv.slice(2)
if (versions.length === 0) throw new Error('Name at least one major version of Node, such as 22')
for (const version of versions) await tryVersion(version)

async function tryVersion (major) {
  const program = execFileSync('npx', ['-y', '-p', `node@${major}`, 'node', '-p', 'process.execPath'], {
    cwd: os.tmpdir(), encoding: 'utf8'
  }).trim()
  const version = execFileSync(program, ['--version'], { encoding: 'utf8' }).trim()
  assert.ok(version.startsWith(`v${major}.`), `${program} is ${version}`)

  const dir = mkdtempSync(path.join(os.tmpdir(), 'sightline-try-node-'))
  const { PATH, HOME } = process.env
  const service = spawn(program, [path.join(ROOT, 'dist/server.js')], {
    cwd: dir,
    env: { PATH, HOME, HOST: '127.0.0.1', PORT: '0', LLAMA_GPU: 'off', UPLOAD_DIR: path.join(dir, 'uploads') },
    stdio: ['ignore', 'pipe', 'inherit']
  })
  const exit = once(service, 'exit')
  const timer = setTimeout(() => service.kill('SIGKILL'), TIMEOUT_MS)
  try {
    const answer = await ask(await urlOf(service))
    console.log(`Node ${version}: ${answer}`)
    service.kill('SIGTERM')
    const [code, signal] = await exit
    assert.equal(code, 0, `the service on Node ${version} ended with ${signal ?? `exit code ${code}`}`)
  } finally {
    clearTimeout(timer)
    service.kill('SIGKILL')
    rmSync(dir, { recursive: true, force: true })
  }
}

/** Reads the address from the log. */
async function urlOf (service) {
  const output = []
  for await (const line of createInterface({ input: service.stdout })) {
    output.push(line)
    const url = /"url":"(http:\/\/127\.0\.0\.1:\d+)"/.exec(line)?.[1]
    if (url === undefined) continue
    service.stdout.resume()
    return url
  }
  throw new Error(`The service did not start:\n${output.join('\n')}`)
}

/** Asks the first example, whose answer is known. */
async function ask (url) {
  const { examples: [{ pictures: [file], turns: [{ message, expect }] }] } =
    JSON.parse(readFileSync(path.join(EXAMPLES, 'examples.json'), 'utf8'))
  const form = new FormData()
  form.set('message', message)
  form.set('temperature', '0')
  form.set('images', await openAsBlob(path.join(EXAMPLES, file)), file)
  const response = await fetch(`${url}/api/chat`, {
    method: 'POST', body: form, signal: AbortSignal.timeout(TIMEOUT_MS)
  })
  const body = await response.json()
  assert.equal(response.status, 200, JSON.stringify(body))
  assert.equal(body.response, expect.exact)
  return body.response
}
