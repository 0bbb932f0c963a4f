import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { createClient } from '@hey-api/openapi-ts'
import t from 'tap'
import * as errors from '../../errors/catalogue.ts'
import { ROOT } from '../../config/root.ts'
import { ERROR_EXAMPLES } from '../../routes/error-docs.ts'
import { ask, createTestEngine, drawShape, startService } from '../helper.ts'

const engine = await createTestEngine(t)
const service = await startService(t, { MAX_CONCURRENT_REQUESTS: '1' }, engine)
const committed = JSON.parse(readFileSync(path.join(ROOT, 'docs/openapi.json'), 'utf8'))
const red = await drawShape('circle', 'red', 'white')
const blue = await drawShape('square', 'blue', 'yellow')

type Operation = {
  operationId: string,
  summary: string,
  responses: Record<string, {
    description: string
    content?: Record<string, {
      schema: unknown
      examples?: Record<string, { value: { code?: string, error?: { code: string } } }>
    }>
  }>
}
const operations =
  Object.values(committed.paths as Record<string, Record<string, Operation>>).flatMap(it => Object.values(it))

t.test('docs/openapi.json is the document that the service serves', async t => {
  const served = await (await fetch(`${service.url}/openapi.json`)).json()
  t.strictSame(served, committed, 'npm run openapi updates it')
  t.equal(committed.openapi, '3.1.0')
})

t.test('every operation has a name, and every error response has an example of each code', async t => {
  t.equal(new Set(operations.map(it => it.operationId)).size, operations.length)
  const documented = new Set<string>()
  for (const { operationId, responses } of operations) {
    t.match(operationId, /^[a-z][a-zA-Z]+$/)
    for (const [status, { description, content }] of Object.entries(responses)) {
      t.ok(description.length > 5, `${operationId} ${status}`)
      if (status === '200' || operationId === 'ready') continue
      const examples = Object.entries(content!['application/json']!.examples ?? {})
      t.ok(examples.length > 0, `${operationId} ${status} has examples`)
      for (const [code, { value }] of examples) {
        t.equal(value.code ?? value.error!.code, code)
        documented.add(code)
      }
    }
  }
  const all = ERROR_EXAMPLES.map(([error]) => error.code)
  t.same(
    all.filter(code => !documented.has(code)).sort(), ['CLIENT_LEFT', 'NOT_FOUND'],
    'no client receives CLIENT_LEFT, and NOT_FOUND belongs to no operation'
  )
  const kinds = Object.values(errors).filter(
    it => typeof it === 'function' && it.prototype instanceof errors.SightlineError
  ) as unknown as Array<new (...args: unknown[]) => errors.SightlineError>
  const without = kinds.filter(Kind => !ERROR_EXAMPLES.some(([error]) => error instanceof Kind))
  t.same(without, [], 'every kind of error has an example')
})

t.test('every field has a description', async t => {
  const bare: string[] = []
  const visit = (schema: Record<string, any>, place: string) => {
    for (const [name, property] of Object.entries(schema.properties ?? {}) as Array<[string, Record<string, any>]>) {
      visit(property, `${place}.${name}`)
      if (!property.description && !property.$ref && property.const === undefined && !property.items?.$ref &&
        !property.properties && !property.anyOf) bare.push(`${place}.${name}`)
    }
    if (schema.items) visit(schema.items, `${place}[]`)
  }
  for (const name of [
    'ChatForm', 'ChatAnswer', 'ChatDone', 'Receipt', 'Box', 'Point', 'Usage', 'Timings', 'Error', 'Status',
    'HistoryTurn', 'AcceptedEvent', 'ProgressEvent', 'TokenEvent', 'CompletionRequest', 'CompletionUsage',
    'CompletionExtras'
  ]) visit(committed.components.schemas[name], name)
  t.same(bare, [])
})

t.test('/docs shows the document', async t => {
  const page = await fetch(`${service.url}/docs`)
  t.equal(page.status, 200)
  t.match(await page.text(), /swagger-ui/)
  t.match(await (await fetch(`${service.url}/docs/json`)).json(), { openapi: '3.1.0' })
})

t.test('a generated client chats, streams, and distinguishes a refusal from a validation error', async t => {
  const dir = t.testdir()
  await createClient({
    input: path.join(ROOT, 'docs/openapi.json'),
    output: { path: path.join(dir, 'client'), module: { extension: '.ts' } },
    plugins: ['@hey-api/client-fetch', '@hey-api/typescript', '@hey-api/sdk'],
    logs: { level: 'silent' }
  } as never)

  // Code as a user of the client writes it. The compiler checks it against the generated types.
  writeFileSync(path.join(dir, 'use.ts'), `
import { chat, chatStream, createChatCompletion, status } from './client/sdk.gen.ts'
import { client } from './client/client.gen.ts'
import type { ChatAnswer, Error as Fault, Receipt } from './client/types.gen.ts'

export async function use (baseUrl: string, one: Blob, two: Blob) {
  client.setConfig({ baseUrl })
  const answer = await chat({ body: { message: 'Describe the images.', images: [one, two], temperature: 0 } })
  if (answer.error) throw new Error(JSON.stringify(answer.error))
  const receipts: Receipt[] = answer.data!.images
  const whole: ChatAnswer = answer.data!
  const events: unknown[] = []
  const { stream } = await chatStream({ body: { message: 'Describe the images.', images: [one, two] } })
  for await (const event of stream) events.push(event)
  const again = await chat({ body: {
    message: 'What is in picture 2?',
    history: [
      { role: 'user', content: 'Describe the images.', images: receipts.map(receipt => receipt.id) },
      { role: 'assistant', content: whole.response }
    ]
  } })
  const wrong = await chat({ body: { message: 'Hi', temperature: 7 } })
  const fault: Fault = wrong.error!
  const completion = await createChatCompletion({
    body: { model: whole.model, messages: [{ role: 'user', content: 'Hi' }] }
  })
  const state = await status()
  return {
    whole,
    receipts,
    again: again.data!,
    events,
    fault,
    wrongStatus: wrong.response!.status,
    said: completion.data!.choices[0]!.message.content,
    free: state.data!.slots.free
  }
}

export async function refused () {
  const { error, response } = await chat({ body: { message: 'Hi' } })
  return { code: (error as Fault).code, status: response!.status, retryAfter: response!.headers.get('retry-after') }
}
`)
  // Not synchronously: the service runs in this process.
  await promisify(execFile)(process.execPath, [
    path.join(ROOT, 'node_modules/typescript/bin/tsc'), '--ignoreConfig', '--noEmit', '--strict', '--skipLibCheck',
    '--noUncheckedIndexedAccess', '--target', 'es2022', '--module', 'nodenext', '--allowImportingTsExtensions',
    '--types', 'node', path.join(dir, 'use.ts')
  ], { cwd: ROOT })

  const { use, refused } = await import(pathToFileURL(path.join(dir, 'use.ts')).href)
  while (service.app.isOverloaded()) await new Promise(resolve => setTimeout(resolve, 50))
  const blob = (data: Buffer) => new Blob([new Uint8Array(data)], { type: 'image/png' })
  const used = await use(service.url, blob(red), blob(blue))
  const { body } = await ask(service.url, { message: 'Describe the images.' }, [red, blue])
  t.equal(used.whole.response, body.response)
  t.equal(used.receipts.length, 2)
  t.equal(used.events.map((event: { text?: string }) => event.text ?? '').join(''), body.response)
  t.match(used.events.at(-1), { success: true })
  t.equal(used.again.usage.image_tokens, used.whole.usage.image_tokens, 'a history of several turns is received')
  t.match(used.again.response, /blue square/i)
  t.equal(used.wrongStatus, 400)
  t.match(used.fault, { code: 'INVALID_FIELD', field: 'temperature' })
  t.ok(used.said.length > 0)
  t.equal(used.free, 1)

  const slot = service.app.slots.tryTake()!
  t.match(await refused(), { code: 'SERVER_BUSY', status: 429, retryAfter: /^\d+$/ })
  slot.release()
  await service.quiet()
})
