import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { ROOT } from '../../../config/root.ts'
import { NODE_LLAMA_CPP_VERSION } from '../build-llama-server.ts'
import { post, readSse, readText, type Body } from '../lib/http.ts'
import { freePort, startServer } from '../lib/processes.ts'
import type { Image } from '../lib/images.ts'
import {
  createRecorder, type AskOptions, type Contender, type Measured, type Question, type RunningContender,
  type StartOptions
} from './contender.ts'

const PROBES = ['event-loop-probe.mjs', 'slot-probe.mjs'].map(file => path.join(ROOT, 'tools/bench/lib', file))

/** Delays of the HTTP process's event loop, in milliseconds. */
export interface EventLoopDelay { max: number, p99: number }

export interface RunningSightline extends RunningContender {
  /** Delays since the previous call. The first call starts the measurement. */
  eventLoopDelay (): Promise<EventLoopDelay>
  /**
   * Settles when the slot of the request with this `x-bench-request` header is free. Call it before the request is
   * sent.
   * @returns nanoseconds on the clock of `process.hrtime.bigint()`
   */
  slotFree (id: string): Promise<bigint>
}

export interface Sightline extends Contender {
  /** @param env further settings */
  start (options: StartOptions, env?: Record<string, string>): Promise<RunningSightline>
}

/** This service, as `npm start` runs it. */
export const sightline = createSightline(
  'Sightline', ROOT, `this service, as \`npm start\` runs it, on node-llama-cpp ${NODE_LLAMA_CPP_VERSION}`
)

/** This build and, if `--before` names one, the earlier build that it is compared with. */
export function buildsOf (before: string | null): Sightline[] {
  if (before === null) return [sightline]
  return [sightline, earlierBuild(before)]
}

/** @param root a checkout of this repository with a build */
export function earlierBuild (root: string): Sightline {
  return createSightline('before', root, 'the build named by --before')
}

/** @param root a checkout of this repository with a build */
export function createSightline (
  name: string, root: string, description: string, moreProbes: readonly string[] = []
): Sightline {
  const program = path.join(root, 'dist/server.js')
  return {
    name,
    description,
    missing: () => existsSync(program) ? null : `build it with npm run build in ${root}`,
    start: (options, env = {}) => start(name, program, [...PROBES, ...moreProbes], options, env)
  }
}

async function start (
  name: string, program: string, probes: readonly string[], options: StartOptions, env: Record<string, string>
): Promise<RunningSightline> {
  const { model, mmproj, slots, contextSize, threads, gpu, imageTokens } = options
  const port = await freePort()
  // The working directory is empty, so that no .env is read.
  const dir = mkdtempSync(path.join(os.tmpdir(), 'sightline-bench-'))
  const clean = () => rmSync(dir, { recursive: true, force: true })
  const server = await startServer({
    command: process.execPath,
    args: [...probes.flatMap(probe => ['--import', probe]), program],
    cwd: dir,
    env: {
      HOST: '127.0.0.1',
      PORT: String(port),
      MODEL: model,
      MMPROJ: mmproj,
      LLAMA_GPU: gpu,
      LLAMA_THREADS: String(threads),
      CONTEXT_SIZE: String(contextSize),
      MAX_CONCURRENT_REQUESTS: String(slots),
      IMAGE_MIN_TOKENS: String(imageTokens.min),
      IMAGE_MAX_TOKENS: String(imageTokens.max),
      MAX_PIXELS: String(imageTokens.max * imageTokens.side ** 2),
      MAX_FILE_SIZE_MB: '500',
      REQUEST_TIMEOUT: '3600',
      UPLOAD_TIMEOUT: '3600',
      UPLOAD_DIR: path.join(dir, 'uploads'),
      LOG_LEVEL: 'warn',
      ...env
    },
    port,
    healthPath: '/health/ready'
  }).catch(error => {
    clean()
    throw error
  })
  return {
    name,
    pid: server.pid,
    url: server.url,
    ask: (question, options) => ask(server.url, question, options),
    async eventLoopDelay () {
      const answer = once(server.child, 'message') as Promise<[EventLoopDelay]>
      server.child.send('event-loop-delay')
      return (await answer)[0]
    },
    slotFree: id => new Promise(resolve => {
      const onMessage = (message: unknown) => {
        const { type, id: free, at } = message as { type?: string, id?: string, at?: string }
        if (type !== 'slot-free' || free !== id) return
        server.child.off('message', onMessage)
        resolve(BigInt(at!))
      }
      server.child.on('message', onMessage)
    }),
    async stop () {
      await server.stop()
      clean()
    }
  }
}

async function ask (url: string, question: Question, { onText, signal }: AskOptions = {}): Promise<Measured> {
  const body = await toBody(question)
  const recorder = createRecorder(onText)
  const response = await post(`${url}/api/chat_stream`, body, signal)
  if (response.statusCode !== 200) throw new Error(`${response.statusCode} ${await readText(response)}`)
  for await (const { event, data, at } of readSse(response)) {
    const body = JSON.parse(data)
    if (event === 'token') recorder.add(body.text, at)
    if (event === 'error') throw new Error(`${body.code} ${body.error}`)
    if (event === 'done') {
      const { prompt_tokens: promptTokens, cached_tokens: cachedTokens, completion_tokens: completionTokens } =
        body.usage
      return recorder.finish({ promptTokens, cachedTokens, completionTokens })
    }
  }
  throw new Error('The stream ended without `done`')
}

/** The last turn contains its images, earlier turns name theirs by id. */
export async function toBody ({ system, turns, maxTokens }: Question): Promise<Body> {
  const last = turns.at(-1)!
  const history =
    turns.slice(0, -1).map(({ role, text, images }) => ({ role, content: text, images: images?.map(idOf) }))
  const form = new FormData()
  form.append('message', last.text)
  form.append('max_tokens', String(maxTokens))
  form.append('temperature', '0')
  if (system !== undefined) form.append('system', system)
  if (history.length > 0) form.append('history', JSON.stringify(history))
  for (const [i, { data, type }] of (last.images ?? []).entries()) {
    form.append('images', new Blob([new Uint8Array(data)], { type }), `${i}`)
  }
  const encoded = new Response(form)
  return { type: encoded.headers.get('content-type')!, bytes: Buffer.from(await encoded.arrayBuffer()) }
}

function idOf ({ data }: Image): string {
  return `sha256:${createHash('sha256').update(data).digest('hex')}`
}
