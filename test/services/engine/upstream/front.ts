import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { pino } from 'pino'
import type { Test } from 'tap'
import { loadConfig } from '../../../../config/config.ts'
import { createEngine } from '../../../../services/engine/create-engine.ts'
import type { Engine } from '../../../../services/engine/engine.ts'
import { silent, startService, type TestService } from '../../../helper.ts'

/** What the embedded model wants of images, and how much it holds. */
export const EMBEDDED = { IMAGE_MIN_TOKENS: '16', IMAGE_MAX_TOKENS: '36', CONTEXT_SIZE: '4096' }

/** The engine that the settings make, ready and closed with the test. */
export async function createFrontEngine (t: Test, urls: string[], env: Record<string, string> = {}): Promise<Engine> {
  const engine = createEngine(loadConfig({ ENGINE: 'openai', ENGINE_URL: urls.join(), ...EMBEDDED, ...env }), silent)
  t.teardown(() => engine.close())
  await engine.ready()
  return engine
}

/** The same, not waited for, and what it logs. */
export function createUnreadyEngine (
  t: Test, urls: string[], env: Record<string, string> = {}
): { engine: Engine, lines: Array<Record<string, unknown>> } {
  const lines: Array<Record<string, unknown>> = []
  const log = pino({}, { write: (line: string) => { lines.push(JSON.parse(line)) } })
  const engine = createEngine(loadConfig({ ENGINE: 'openai', ENGINE_URL: urls.join(), ...EMBEDDED, ...env }), log)
  t.teardown(() => engine.close())
  return { engine, lines }
}

/** A service that has its answers made by others. */
export async function startFront (t: Test, urls: string[], env: Record<string, string> = {}): Promise<TestService> {
  const engine = await createFrontEngine(t, urls, env)
  return await startService(t, { ...EMBEDDED, ...env }, engine)
}

/** What a scripted upstream was asked. */
export interface Asked {
  headers: IncomingMessage['headers']
  body: any
}

export interface ScriptedUpstream {
  url: string
  asked: Asked[]
  /** Connections of requests for an answer that are open. */
  open (): number
}

/**
 * An upstream over a real socket that says what a test wants, for what no real one does on demand.
 * @param answer to a request for an answer, whose body has been read
 * @param models answer to `GET /v1/models`
 */
export async function startScripted (
  t: Test, answer: (response: ServerResponse, asked: Asked) => void, models: RequestListener = listModels('scripted')
): Promise<ScriptedUpstream> {
  const asked: Asked[] = []
  let open = 0
  const server = createServer(async (request, response) => {
    if (request.method === 'GET') return models(request, response)
    open++
    response.on('close', () => open--)
    const one = { headers: request.headers, body: await json(request) }
    asked.push(one)
    answer(response, one)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`, asked, open: () => open }
}

export function listModels (...names: string[]): RequestListener {
  return (_request, response) => {
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ object: 'list', data: names.map(id => ({ id, object: 'model' })) }))
  }
}

/** Begins a stream of events and gives what writes one. */
export function stream (response: ServerResponse): (data: unknown) => void {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  return data => { response.write(`data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`) }
}

export const delta = (content: string, finish: string | null = null) =>
  ({ choices: [{ index: 0, delta: { content }, finish_reason: finish }] })

/** Says a whole answer. */
export function say (
  response: ServerResponse, text: string, usage: object | null = { prompt_tokens: 40, completion_tokens: 5 }
): void {
  const send = stream(response)
  for (const piece of text.match(/[^]{1,7}/gu) ?? []) send(delta(piece))
  send(delta('', 'stop'))
  if (usage) send({ choices: [], usage })
  send('[DONE]')
  response.end()
}
