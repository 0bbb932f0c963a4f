import t, { type Test } from 'tap'
import { ROOT } from '../../../config/root.ts'
import { createTestEngine, startService, type TestService } from '../../helper.ts'
import { connectRaw, formHead } from '../../raw-client.ts'

/** A refused request, as a program sees it. */
export interface Refusal {
  status: number
  headers: Headers
  body: Record<string, unknown> & { error: string, code: string }
}

/** A well-formed id of no image. */
export const UNKNOWN_ID = `sha256:${'0'.repeat(64)}`

const engine = await createTestEngine(t, { contextSize: 1024 })

/** A service with limits that a test can exceed. */
export const service = await startService(
  t, { CONTEXT_SIZE: '1024', MAX_IMAGES: '3', MAX_FILE_SIZE_MB: '0.5', JSON_BODY_LIMIT_MB: '1' }, engine
)

/** Expects a refusal that reveals no internals and leaves no slot and no file behind. */
export async function refused (
  t: Test, reply: Refusal, status: number, code: string, sentence: RegExp, by: TestService = service
): Promise<void> {
  t.equal(reply.status, status)
  t.equal(reply.body.code, code)
  t.match(reply.body.error, sentence)
  t.equal(reply.body.request_id, reply.headers.get('x-request-id'))
  // A sentence that names a field comes with `field`, for programs.
  const named =
    /^Field "([^"]+)"/.exec(reply.body.error)?.[1] ?? /^((?:history_)?images\[\d\])/.exec(reply.body.error)?.[1]
  if (named !== undefined) t.equal(reply.body.field, named)
  const text = JSON.stringify(reply.body)
  t.notMatch(text, /\/tmp|\/home|uploads\/|node_modules|\.ts:\d/, 'no internals')
  t.notOk(text.includes(ROOT), 'no path of the service')
  await by.quiet()
}

/** Posts a body to /api/chat. */
export async function post (body: string | FormData | null, contentType?: string): Promise<Refusal> {
  const response = await fetch(`${service.url}/api/chat`, {
    method: 'POST', body, headers: contentType ? { 'content-type': contentType } : {}
  })
  return { status: response.status, headers: response.headers, body: await response.json() as Refusal['body'] }
}

export const postJson = (value: unknown) => post(JSON.stringify(value), 'application/json')

/** Sends the bytes of a form, or of any request if `head` is given, and parses the answer. */
export async function postRaw (body: string, head = formHead('/api/chat', Buffer.byteLength(body))): Promise<Refusal> {
  const client = await connectRaw(service.port)
  client.send(head + body)
  const [start, text] = (await client.until(/\r\n\r\n.*\}$/)).split('\r\n\r\n') as [string, string]
  client.socket.destroy()
  const [status, ...lines] = start.split('\r\n')
  const headers = lines.map(line => line.split(': ', 2) as [string, string])
  return { status: Number(status!.split(' ')[1]), headers: new Headers(headers), body: JSON.parse(text) }
}
