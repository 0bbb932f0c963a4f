import t from 'tap'
import { VERSION } from '../../app.ts'
import { ask, drawShape, startService } from '../helper.ts'

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

t.test('the status tells of slots, model, caches and limits', async t => {
  await ask(service.url, { message: 'Hi' }, [await drawShape('circle', 'red', 'white')])
  const status = await (await fetch(`${service.url}/api/status`)).json() as { memory: { service_bytes: number, model_bytes: number } }
  t.match(status, {
    status: 'ready',
    notice: /tiny demonstration model/,
    model: { name: 'tiny-qwen2-vl-q8_0', architecture: 'qwen2vl', demo: true, device: 'cpu', context_size: 4096, vision: { multiple: 28, min_tokens: 16, max_tokens: 36 }, restarts: 0 },
    slots: { total: 3, taken: 0, free: 3 },
    queue: { length: 0, size: 0 },
    requests: { served: 1, rejected: 0, timed_out: 0 },
    uploads: { folders: 0 },
    limits: { max_images: 8, max_file_size_mb: 20 }
  })
  t.ok(status.memory.service_bytes > 1e6 && status.memory.model_bytes > 1e6)
})

t.test('alive and ready', async t => {
  for (const [path, body] of [['live', { status: 'ok' }], ['ready', { status: 'ready' }]] as const) {
    const response = await fetch(`${service.url}/health/${path}`)
    t.equal(response.status, 200)
    t.same(await response.json(), body)
  }
})

t.test('the OpenAPI document names every route, with an operationId of its own', async t => {
  const document = await (await fetch(`${service.url}/openapi.json`)).json() as OpenApi
  t.match(document.openapi, /^3\.1\./)
  t.equal(document.info.version, VERSION)
  const operations = Object.entries(document.paths)
    .flatMap(([path, methods]) => Object.entries(methods).map(([method, { operationId }]) => `${method} ${path} ${operationId}`))
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
