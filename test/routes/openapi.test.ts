import { readFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import * as errors from '../../errors/catalogue.ts'
import { ROOT } from '../../config/root.ts'
import { ERROR_EXAMPLES } from '../../routes/error-docs.ts'
import { createTestEngine, startService } from '../helper.ts'

const engine = await createTestEngine(t)
const service = await startService(t, {}, engine)
const committed = JSON.parse(readFileSync(path.join(ROOT, 'docs/openapi.json'), 'utf8'))

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
    all.filter(code => !documented.has(code)).sort(), ['CLIENT_LEFT', 'METHOD_NOT_ALLOWED', 'NOT_FOUND'],
    'no client receives CLIENT_LEFT, and the others belong to no operation'
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

t.test('no field of a request has a default, which would make it required in the types of openapi-typescript', t => {
  const { ChatForm, CompletionRequest } = committed.components.schemas
  t.match(ChatForm.properties.max_tokens.description, /\. Default: `1024`$/)
  t.match(CompletionRequest.properties.stream.description, /\. Default: `false`$/)
  t.notMatch(JSON.stringify(committed), /"default":/)
  t.end()
})

t.test('/docs shows the document', async t => {
  const page = await fetch(`${service.url}/docs`)
  t.equal(page.status, 200)
  t.match(await page.text(), /swagger-ui/)
  t.match(await (await fetch(`${service.url}/docs/json`)).json(), { openapi: '3.1.0' })
})
