import { statSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import t from 'tap'
import { VERSION } from '../../app.ts'
import { DEMO } from '../../models/presets.ts'
import { ROOT } from '../../config/root.ts'
import { ask, drawShape, startService } from '../helper.ts'
import { until } from '../server-process.ts'

interface OpenApi {
  openapi: string
  info: { version: string }
  paths: Record<string, Record<string, {
    operationId: string
    requestBody?: { content: Record<string, { schema: { $ref: string } }> }
    responses: Record<string, { content: Record<string, object> }>
  }>>
  components: { schemas: Record<string, { properties: Record<string, object> }> }
}

const service = await startService(t)

t.test('the status reports slots, model, caches and limits', async t => {
  await ask(service.url, { message: 'Hi' }, [await drawShape('circle', 'red', 'white')])
  const status = await (await fetch(`${service.url}/api/status`)).json() as {
    memory: { service_bytes: number, model_bytes: number }
  }
  t.match(status, {
    status: 'ready',
    notice: /tiny demonstration model/,
    model: {
      name: 'tiny-qwen2-vl-q8_0',
      architecture: 'qwen2vl',
      demo: true,
      device: 'cpu',
      context_size: 4096,
      vision: { multiple: 28, min_tokens: 16, max_tokens: 36 },
      restarts: 0
    },
    slots: { total: 3, taken: 0, free: 3 },
    queue: { length: 0, size: 0 },
    plan: {
      memory: 'ram',
      auto: false,
      fits: true,
      slots: 3,
      context_size: 4096,
      slot_bytes: 4096 * 5 * 2 * 2 * 64 * 2,
      projector_bytes: statSync(path.join(ROOT, DEMO.mmproj)).size
    },
    requests: { served: 1, rejected: 0, timed_out: 0 },
    uploads: { folders: 0 },
    limits: { max_images: 8, max_file_size_mb: 20 }
  })
  t.ok(status.memory.service_bytes > 1e6 && status.memory.model_bytes > 1e6)
})

t.test('MAX_CONCURRENT_REQUESTS=auto sets as many slots as the plan has room for', async t => {
  const auto = await startService(t, { MAX_CONCURRENT_REQUESTS: 'auto' })
  const { slots, plan } =
    await (await fetch(`${auto.url}/api/status`)).json() as { slots: { total: number }, plan: { slots: number } }
  t.match(plan, { auto: true, fits: true, slots: Math.min(16, Math.max(2, Math.floor(os.availableParallelism() / 2))) })
  t.equal(slots.total, plan.slots)
  t.equal(auto.engine.info().slots, plan.slots)
  const answers =
    await Promise.all(Array.from({ length: plan.slots }, async () => await ask(auto.url, { message: 'Hi' })))
  for (const { status } of answers) t.equal(status, 200)

  process.kill(auto.engine.info().pid!, 'SIGKILL')
  await until(() => auto.engine.info().restarts === 1 && auto.engine.info().state === 'ready')
  t.match(
    auto.engine.info(), { restarts: 1, slots: plan.slots, plan: { auto: true, slots: plan.slots } },
    'the slots are the same after a restart'
  )
})

t.test('the probes answer 200', async t => {
  for (const [path, body] of [['live', { status: 'ok' }], ['ready', { status: 'ready' }]] as const) {
    const response = await fetch(`${service.url}/health/${path}`)
    t.equal(response.status, 200)
    t.same(await response.json(), body)
  }
})

t.test('the OpenAPI document contains every route with a unique operationId', async t => {
  const document = await (await fetch(`${service.url}/openapi.json`)).json() as OpenApi
  t.match(document.openapi, /^3\.1\./)
  t.equal(document.info.version, VERSION)
  const operations = Object.entries(document.paths)
    .flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { operationId }]) => `${method} ${path} ${operationId}`))
  t.same(operations.sort(), [
    'get /api/status status',
    'get /health/live live',
    'get /health/ready ready',
    'get /v1/models listModels',
    'get /v1/models/{model} getModel',
    'post /api/chat chat',
    'post /api/chat_stream chatStream',
    'post /v1/chat/completions createChatCompletion'
  ])
  const { $ref } = document.paths['/api/chat']!.post!.requestBody!.content['multipart/form-data']!.schema
  const { properties } = document.components.schemas[$ref.replace('#/components/schemas/', '')]!
  t.ok(properties.images && properties.history_images && properties.response_format)
  t.ok(document.paths['/api/chat_stream']!.post!.responses['200']!.content['text/event-stream'])
})
