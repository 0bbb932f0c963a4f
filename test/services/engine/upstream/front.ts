import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { pino } from 'pino'
import type { Test } from 'tap'
import { loadConfig } from '../../../../config/config.ts'
import { createEngine } from '../../../../services/engine/create-engine.ts'
import type { Engine } from '../../../../services/engine/engine.ts'
import { silent, startService, type TestService } from '../../../helper.ts'

/** The image sizes and the context size of the embedded model. */
export const EMBEDDED = { IMAGE_MIN_TOKENS: '16', IMAGE_MAX_TOKENS: '36', CONTEXT_SIZE: '4096' }

/** Creates the engine of these settings, waits until it is ready, and closes it with the test. */
export async function createFrontEngine (t: Test, urls: string[], env: Record<string, string> = {}): Promise<Engine> {
  const engine = createEngine(loadConfig({ ENGINE: 'openai', ENGINE_URL: urls.join(), ...EMBEDDED, ...env }), silent)
  t.teardown(() => engine.close())
  await engine.ready()
  return engine
}

/** Creates the engine of these settings without waiting, and collects its log lines. */
export function createUnreadyEngine (
  t: Test, urls: string[], env: Record<string, string> = {}
): { engine: Engine, lines: Array<Record<string, unknown>> } {
  const lines: Array<Record<string, unknown>> = []
  const log = pino({}, { write: (line: string) => { lines.push(JSON.parse(line)) } })
  const engine = createEngine(loadConfig({ ENGINE: 'openai', ENGINE_URL: urls.join(), ...EMBEDDED, ...env }), log)
  t.teardown(() => engine.close())
  return { engine, lines }
}

/** Starts a service whose answers come from these upstreams. */
export async function startFront (t: Test, urls: string[], env: Record<string, string> = {}): Promise<TestService> {
  const engine = await createFrontEngine(t, urls, env)
  return await startService(t, { ...EMBEDDED, ...env }, engine)
}

/** A request that a scripted upstream received. */
export interface ReceivedRequest {
  headers: IncomingMessage['headers']
  body: any
}

export interface ScriptedUpstream {
  url: string
  asked: ReceivedRequest[]
  /** Number of open connections of requests for answers. */
  open (): number
}

/**
 * Starts an upstream with scripted answers, for behaviour that real servers do not show on demand.
 * @param answer responds to a request for an answer, whose body was read
 * @param models responds to `GET /v1/models`
 */
export async function startScripted (
  t: Test, answer: (response: ServerResponse, asked: ReceivedRequest) => void,
  models: RequestListener = listModels('scripted')
): Promise<ScriptedUpstream> {
  const asked: ReceivedRequest[] = []
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

/** Starts a stream of events and returns a function that writes one. */
export function stream (response: ServerResponse): (data: unknown) => void {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  return data => { response.write(`data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`) }
}

export const delta = (content: string, finish: string | null = null) =>
  ({ choices: [{ index: 0, delta: { content }, finish_reason: finish }] })

/** @param field the name of the field for thoughts */
export const thought = (text: string, field = 'reasoning_content') =>
  ({ choices: [{ index: 0, delta: { [field]: text }, finish_reason: null }] })

/** Ends a stream. */
export function finish (send: (data: unknown) => void, response: ServerResponse, reason: string, usage?: object): void {
  send(delta('', reason))
  if (usage) send({ choices: [], usage })
  send('[DONE]')
  response.end()
}

/** Writes a complete answer. */
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

/** Responds with an error. */
export const refuse =
  (status: number, body: unknown, headers: Record<string, string> = {}) => (response: ServerResponse): void => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers })
    response.end(typeof body === 'string' ? body : JSON.stringify(body))
  }

/** Starts a service in front of one scripted upstream, with default image sizes. */
export async function startScriptedFront (
  t: Test, answer: (response: ServerResponse) => void, env: Record<string, string> = {}
): Promise<TestService & { asked: ReceivedRequest[] }> {
  const upstream = await startScripted(t, answer)
  return {
    ...await startFront(t, [upstream.url], { IMAGE_MIN_TOKENS: '', IMAGE_MAX_TOKENS: '', ...env }),
    asked: upstream.asked
  }
}
