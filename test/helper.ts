import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import type { FastifyInstance } from 'fastify'
import { pino } from 'pino'
import sharp from 'sharp'
import type { Test } from 'tap'
import { buildApp } from '../app.ts'
import { loadConfig, type Config } from '../config/config.ts'
import { ROOT } from '../config/root.ts'
import type { ChatAnswer } from '../schemas/chat.ts'
import type { Engine } from '../services/engine/engine.ts'
import { createLocalEngine, type LocalEngineOptions } from '../services/engine/local-engine.ts'
import { DEMO } from '../models/presets.ts'
import { withChatTemplate } from '../tools/lib/gguf.ts'
import { builtFile, isBuilt } from './built.ts'

/** TEST_LOG=info prints the log of the service. */
export const silent = pino({ level: process.env.TEST_LOG ?? 'silent' }, process.stderr)

export const EXAMPLES = path.join(ROOT, 'models/demo/examples')

const BUILT_WORKER = { file: builtFile('services/engine/worker/main.js'), execArgv: [] }

export const ENGINE_DEFAULTS = {
  model: '',
  mmproj: '',
  modelsDir: 'models',
  gpu: 'off' as const,
  flashAttention: 'auto' as const,
  threads: 0,
  contextSize: 4096,
  slots: 3,
  imageMinTokens: null,
  imageMaxTokens: null,
  maxPixels: 1_003_520,
  imageCacheBytes: 64 * 1024 * 1024
}

/** The real engine with the embedded model on the CPU, loaded and ready. It is closed with the test. */
export async function createTestEngine (t: Test, overrides: Partial<LocalEngineOptions> = {}): Promise<Engine> {
  const engine =
    createLocalEngine({ log: silent, ...isBuilt && { worker: BUILT_WORKER }, ...ENGINE_DEFAULTS, ...overrides })
  t.teardown(() => engine.close())
  await engine.ready()
  return engine
}

/** The embedded model under a chat template that supports tools, which its own does not. */
export async function createToolsEngine (t: Test): Promise<Engine> {
  const model = path.join(t.testdir(), 'tools.gguf')
  const template = readFileSync(path.join(ROOT, 'test/tool-template.jinja'), 'utf8')
  withChatTemplate(path.join(ROOT, DEMO.model), model, template)
  return await createTestEngine(t, { model, mmproj: path.join(ROOT, DEMO.mmproj), threads: 1 })
}

export interface TestService {
  app: FastifyInstance
  config: Config
  /** e.g. http://127.0.0.1:40001 */
  url: string
  port: number
  engine: Engine
  /** Names of the files and folders in UPLOAD_DIR. */
  leftovers (): string[]
  /** Waits until no slot is taken and UPLOAD_DIR is empty. Throws after five seconds. */
  quiet (): Promise<void>
}

/** Enough for ten samples of the event loop's delay. */
const QUICK_TURNS_MS = 120

/**
 * The whole service on a free port: real app, real engine, real sockets. It is closed with the test.
 * @param env settings, as in the environment
 * @param engine an engine that services share; by default the service creates its own
 */
export async function startService (t: Test, env: Record<string, string> = {}, engine?: Engine): Promise<TestService> {
  const uploadDir = path.join(t.testdir({ uploads: {} }), 'uploads')
  const config = loadConfig({ UPLOAD_DIR: uploadDir, LLAMA_GPU: 'off', ...env })
  const own = engine ?? await createTestEngine(t, {
    slots: config.maxConcurrentRequests,
    contextSize: config.contextSize,
    imageMinTokens: config.imageMinTokens,
    imageMaxTokens: config.imageMaxTokens,
    imageCacheBytes: config.imageCacheMb * 1024 * 1024
  })
  // A shared engine outlives the service.
  const app = await buildApp({ config, engine: engine ? { ...own, close: async () => {} } : own, logger: silent })
  await app.listen({ host: '127.0.0.1', port: 0 })
  t.teardown(() => app.close())
  // Loading modules and the model may have kept this process busy for seconds. The service judges overload by a mean
  // delay, and a few quick turns bring the mean below its limit again.
  await new Promise(resolve => setTimeout(resolve, QUICK_TURNS_MS))
  while (app.isOverloaded()) await new Promise(resolve => setTimeout(resolve, 50))
  mkdirSync(uploadDir, { recursive: true })
  const { port } = app.server.address() as AddressInfo
  const leftovers = () => readdirSync(uploadDir)
  return {
    app,
    config,
    url: `http://127.0.0.1:${port}`,
    port,
    engine: own,
    leftovers,
    async quiet () {
      for (let i = 0; i < 500; i++) {
        // The pause comes first: polling without one keeps this process busy, and the service counts as overloaded.
        await new Promise(resolve => setTimeout(resolve, 10))
        if (app.slots.stats().taken === 0 && leftovers().length === 0) return
      }
      throw new Error(`after 5 s ${app.slots.stats().taken} slots are taken and ${leftovers().length} folders are left`)
    }
  }
}

/** A file of a form; the name and type default to those of a PNG. */
export interface Upload { data: Buffer | Uint8Array, name?: string, type?: string }

/**
 * A form for /api/chat.
 * @param historyImages images that `history` names and that are sent again
 */
export function createForm (
  fields: Record<string, string | string[]>, images: Array<Upload | Buffer> = [],
  historyImages: Array<Upload | Buffer> = []
): FormData {
  const form = new FormData()
  const append = (field: string, uploads: Array<Upload | Buffer>) => {
    for (const [index, upload] of uploads.entries()) {
      const { data, name = `${index}.png`, type = 'image/png' } =
        Buffer.isBuffer(upload) ? { data: upload } : upload as Upload
      form.append(field, new Blob([new Uint8Array(data)], { type }), name)
    }
  }
  for (const [name, value] of Object.entries(fields)) {
    for (const one of Array.isArray(value) ? value : [value]) form.append(name, one)
  }
  append('images', images)
  append('history_images', historyImages)
  return form
}

export interface Reply {
  status: number
  headers: Headers
  body: ChatAnswer & { error: string, code: string, request_id: string } & Record<string, unknown>
}

/** Posts a form to /api/chat. */
export async function ask (
  url: string, fields: Record<string, string | string[]>, images: Array<Upload | Buffer> = [],
  historyImages: Array<Upload | Buffer> = []
): Promise<Reply> {
  return await post(url, { body: createForm(fields, images, historyImages) })
}

/** Posts JSON to /api/chat. */
export async function askJson (url: string, fields: object): Promise<Reply> {
  return await post(url, { body: JSON.stringify(fields), headers: { 'content-type': 'application/json' } })
}

/** Posts a body of any type to /api/chat. */
export async function post (url: string, init: RequestInit): Promise<Reply> {
  const response = await fetch(`${url}/api/chat`, { method: 'POST', ...init })
  return { status: response.status, headers: response.headers, body: await response.json() as never }
}

export interface SseEvent { event: string, data: any }

/** Yields server-sent events as they arrive, without comment lines. */
export async function * readEvents (response: Response): AsyncGenerator<SseEvent> {
  let buffer = ''
  const decoder = new TextDecoder('utf-8', { fatal: true })
  for await (const chunk of response.body!) {
    buffer += decoder.decode(chunk as Uint8Array, { stream: true })
    const blocks = buffer.split('\n\n')
    buffer = blocks.pop()!
    for (const block of blocks) {
      const event = /^event: (.*)$/m.exec(block)?.[1]
      const data = /^data: (.*)$/m.exec(block)?.[1]
      if (event !== undefined && data !== undefined) yield { event, data: JSON.parse(data) }
    }
  }
}

/** Posts a form to /api/chat_stream and collects the events; a refusal becomes one event named `http-error`. */
export async function askStream (
  url: string, fields: Record<string, string | string[]>, images: Array<Upload | Buffer> = []
): Promise<{ status: number, events: SseEvent[], text: string }> {
  const response = await fetch(`${url}/api/chat_stream`, { method: 'POST', body: createForm(fields, images) })
  const events: SseEvent[] = []
  if (response.headers.get('content-type')?.startsWith('text/event-stream')) {
    for await (const event of readEvents(response)) events.push(event)
  } else {
    events.push({ event: 'http-error', data: await response.json() })
  }
  return {
    status: response.status, events, text: events.filter(it => it.event === 'token').map(it => it.data.text).join('')
  }
}

/** A PNG with a shape that the demo model knows, in the middle of a plain background. */
export function drawShape (
  shape: 'circle' | 'square', colour: string, background: string, size = 140
): Promise<Buffer> {
  const middle = size / 2
  const r = size * 0.3
  const body = shape === 'circle'
    ? `<circle cx="${middle}" cy="${middle}" r="${r}" fill="${colour}"/>`
    : `<rect x="${middle - r}" y="${middle - r}" width="${2 * r}" height="${2 * r}" fill="${colour}"/>`
  const svg =
    `<svg xmlns="http://www.w3.org/2000/svg" width="${size}" height="${size}"><rect width="100%" height="100%" fill="${background}"/>${body}</svg>`
  return sharp(Buffer.from(svg)).removeAlpha().png().toBuffer()
}
