import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { freePort } from '../../deploy/nginx.ts'
import { ask, createTestEngine, drawShape, startService, type TestService } from '../../helper.ts'
import { launch, start, until, type Server } from '../../server-process.ts'
import { createUnreadyEngine, listModels, say, startFront } from './upstream/front.ts'
import { begin, taken, toEnd } from './upstream/long-answers.ts'

const red = await drawShape('circle', 'red', 'white')
const engine = await createTestEngine(t, { slots: 4 })

/** Starts a service in a process that can be killed. */
async function startProcess (t: Test, port: number, name = 'uploads'): Promise<Server> {
  return await start(t, {
    PORT: String(port), UPLOAD_DIR: path.join(t.testdirName, name), MAX_CONCURRENT_REQUESTS: '4', LLAMA_THREADS: '1'
  })
}

async function readyAgain ({ engine }: TestService): Promise<void> {
  await until(() => engine.info().state === 'ready', () => engine.info().reason.en)
}

t.test('answers of a killed upstream fail, and it is used again after its restart', async t => {
  t.testdir({ uploads: {} })
  const port = await freePort()
  const upstream = await startProcess(t, port)
  const front = await startFront(t, [upstream.url])
  const events = await begin(front.url)
  upstream.child.kill('SIGSTOP')
  const waiting = ask(front.url, { message: 'What is in the picture?' }, [red])
  await until(() => taken(front) === 2)
  // Wait until the request has reached the stopped process.
  await sleep(500)
  upstream.child.kill('SIGKILL')

  t.match(await toEnd(events), { event: 'error', data: { code: 'ENGINE_CRASHED' } }, 'during an answer')
  t.match(await waiting, { status: 503, body: { code: 'ENGINE_CRASHED' } }, 'before the first token')
  await front.quiet()

  const refused = await ask(front.url, { message: 'Hi' })
  t.match(refused, { status: 503, body: { code: 'ENGINE_NOT_READY', error: /the model server cannot be reached/ } })
  t.match(refused.headers.get('retry-after'), /^\d+$/)
  t.equal((await fetch(`${front.url}/health/ready`)).status, 503)
  t.match(front.engine.info(), { state: 'restarting' })

  await startProcess(t, port)
  await readyAgain(front)
  t.equal(
    (await ask(front.url, { message: 'What is in the picture?' }, [red])).body.response,
    'A red circle on a white background.'
  )
})

t.test('one of two upstreams can die', async t => {
  t.testdir({ uploads: {} })
  const mortal = await startProcess(t, await freePort())
  const other = await startService(t, { MAX_CONCURRENT_REQUESTS: '4' }, engine)
  const front = await startFront(t, [mortal.url, other.url], { MAX_CONCURRENT_REQUESTS: '4' })
  const streams = [await begin(front.url), await begin(front.url)]
  t.equal(taken(other), 1)
  mortal.child.kill('SIGKILL')
  await mortal.exited
  const endings = await Promise.all(streams.map(async events => {
    const { event, data } = (await toEnd(events))!
    return data.code ?? event
  }))
  t.same(endings.sort(), ['ENGINE_CRASHED', 'done'])
  for (let i = 0; i < 8; i++) {
    t.equal(
      (await ask(front.url, { message: 'What is in the picture?' }, [red])).body.response,
      'A red circle on a white background.'
    )
  }
  t.equal(front.engine.info().state, 'ready')
})

t.test('a service that starts before its upstream waits for it', async t => {
  t.testdir({ uploads: {}, front: {} })
  const port = await freePort()
  const front = launch(t, {
    ENGINE: 'openai', ENGINE_URL: `http://127.0.0.1:${port}`, UPLOAD_DIR: path.join(t.testdirName, 'front')
  })
  await until(() => front.output().includes('upstream not ready'), front.output)
  t.match(front.output(), /ECONNREFUSED/)
  await startProcess(t, port)
  await until(() => front.output().includes('"service ready"'), front.output)
  t.match(front.output(), /"model":"tiny-qwen2-vl-q8_0","device":"upstream","slots":3,"contextSize":8192,/)
  const [, url] = /"url":"(http[^"]+)"/.exec(front.output())!
  t.equal((await ask(url!, { message: 'Hi' })).status, 200)
  front.child.kill('SIGTERM')
  t.match(await front.exited, { code: 0 })
})

t.test('an https upstream is used only with a valid certificate', {
  skip: spawnSync('openssl', ['version']).status !== 0 && 'openssl is not installed'
}, async t => {
  const dir = t.testdir({ uploads: {} })
  const [key, cert] = [path.join(dir, 'key.pem'), path.join(dir, 'cert.pem')]
  execFileSync('openssl', [
    'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1', '-subj',
    '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-keyout', key, '-out', cert
  ], { stdio: 'ignore' })
  const server = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (request, response) => {
    if (request.method === 'GET') listModels('over-tls')(request, response)
    else request.resume().on('end', () => say(response, 'Hello.'))
  })
  await new Promise<void>(resolve => server.listen(0, 'localhost', resolve))
  t.teardown(() => server.close())
  const url = `https://localhost:${(server.address() as AddressInfo).port}`

  const { engine: stranger, lines } = createUnreadyEngine(t, [url])
  await until(() => lines.length > 0)
  t.match(lines[0], { reason: 'DEPTH_ZERO_SELF_SIGNED_CERT' })
  t.equal(stranger.info().state, 'starting')
  const front = await start(t, {
    ENGINE: 'openai', ENGINE_URL: url, NODE_EXTRA_CA_CERTS: cert, UPLOAD_DIR: path.join(dir, 'uploads')
  })
  t.match(await ask(front.url, { message: 'Hi' }), { status: 200, body: { response: 'Hello.', model: 'over-tls' } })
})
