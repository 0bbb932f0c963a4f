import t, { type Test } from 'tap'
import { join } from '../../tools/lib/bytes.ts'
import { jsonHead } from '../clients/clients.ts'
import { startService } from '../helper.ts'
import { connectRaw, formBody, formHead } from '../raw-client.ts'
import { noise } from '../services/images/draw.ts'
import { CASE_MS, fuzz, show } from './fuzz.ts'
import { mutateBytes, mutateText, pick } from './mutate.ts'
import { CHAT, COMPLETION } from './requests.ts'

const service = await startService(t, {
  CONTEXT_SIZE: '1024',
  MAX_INPUT_PIXELS: '4000000',
  MAX_IMAGES: '3',
  MAX_FILE_SIZE_MB: '0.1',
  JSON_BODY_LIMIT_MB: '1',
  UPLOAD_TIMEOUT: '2'
})
const image = await noise(60, 44).png().toBuffer()

const { pid } = service.engine.info()

/** Checks that no request is left, and that the engine did not restart. */
async function isCalm (t: Test): Promise<void> {
  await service.quiet()
  t.match(service.engine.info(), { state: 'ready', restarts: 0, pid })
}

/** Checks that an answer has a status of 200 or 4xx, a code of the service, and no internal details. */
async function answersProperly (response: Response, input: Buffer): Promise<void> {
  const text = await response.text()
  const { code, error } = JSON.parse(text)
  const named = typeof error === 'object' ? error.code : code
  const proper =
    response.status === 200 || (response.status >= 400 && response.status < 500 && /^[A-Z_]+$/.test(named))
  if (!proper || /node_modules|\.ts:\d|uploads\//.test(text)) {
    throw new Error(`${response.status} ${text.slice(0, 500)} for ${show(input)}`)
  }
}

async function send (to: string, body: Buffer, type: string): Promise<void> {
  await answersProperly(await fetch(service.url + to, {
    method: 'POST',
    body: new Uint8Array(body),
    headers: { 'content-type': type },
    signal: AbortSignal.timeout(CASE_MS)
  }), body)
}

t.test('damaged forms are accepted or refused', async t => {
  const fields = {
    ...CHAT,
    images: undefined,
    history_images: undefined,
    history: JSON.stringify(CHAT.history.slice(1)),
    response_format: undefined,
    max_tokens: '1'
  }
  const good = formOf(fields, image)
  const words = [
    '--sightline-test', '--sightline-test--', '\r\n', '\r\n\r\n', '\n',
    'Content-Disposition: form-data; name="images"; filename="a.png"',
    'Content-Disposition: form-data; name="message"', 'name=""', 'name*=UTF-8\'\'%00', 'filename="../../a"',
    'filename*=UTF-16\'\'x', 'Content-Type: application/json', 'Content-Type: multipart/mixed; boundary=b',
    'Content-Transfer-Encoding: base64', '\0', ';', '"', 'x'.repeat(20_000)
  ]
  await fuzz(t, 250, async below => {
    const body = below(2) === 0
      ? mutateBytes(good, below)
      : Buffer.from(mutateText(good.toString('latin1'), words, below), 'latin1')
    const boundary = below(8) === 0
      ? pick(['', '"', 'sightline-tes', '\'', 'x'.repeat(300), 'sightline-test; boundary=b'], below)
      : 'sightline-test'
    await send('/api/chat', body, `multipart/form-data; boundary=${boundary}`)
  })
  await isCalm(t)
})

const uri = `data:image/png;base64,${image.toString('base64')}`

t.test('damaged JSON bodies are accepted or refused', async t => {
  const model = service.engine.info().model
  const chat = JSON.stringify({
    ...CHAT,
    history: CHAT.history.slice(1),
    history_images: [],
    images: [uri, uri],
    max_tokens: 1,
    response_format: undefined,
    stop: undefined
  })
  const completion = JSON.stringify({
    ...COMPLETION,
    model,
    max_tokens: 1,
    tools: undefined,
    tool_choice: undefined,
    messages: [
      COMPLETION.messages[0],
      { role: 'user', content: [{ type: 'image_url', image_url: { url: uri } }, { type: 'text', text: 'Hi' }] }
    ],
    response_format: undefined,
    stop: undefined
  })
  const words = [
    '"', '\\', '\\n', '\n', '\0', '=', '%', '*', ',', '}', ']', '{', '[', ':', 'data:', ';base64,', '\\u0041',
    '"images":[', '[['.repeat(100), 'AAAA'.repeat(50_000), '"data:;base64,SGk=",'.repeat(10), '"data:;base64,'
  ]
  await fuzz(t, 250, async below => {
    const [to, text] = pick([['/api/chat', chat], ['/v1/chat/completions', completion]] as const, below)
    const body =
      below(2) === 0 ? mutateBytes(Buffer.from(text), below) : Buffer.from(mutateText(text, words, below))
    await send(
      to, body, pick(['application/json', 'application/json; charset=utf-8', 'application/json;charset=utf-7'], below)
    )
  })
  await isCalm(t)
})

t.test('an upload that stops in the middle leaves nothing', async t => {
  const form = formBody('Hi', [image, image])
  const json = Buffer.from(JSON.stringify({ message: 'Hi', images: [uri, uri] }))
  await fuzz(t, 60, async below => {
    const client = await connectRaw(service.port)
    const [head, body] = pick([
      [formHead('/api/chat', form.length), form], [jsonHead('/api/chat', `Content-Length: ${json.length}\r\n`), json]
    ] as const, below)
    client.send(head)
    client.send(body.subarray(0, below(body.length)))
    if (below(2) === 0) client.socket.end()
    await new Promise(resolve => setTimeout(resolve, below(20)))
    client.socket.destroy()
    await client.closed
  })
  await isCalm(t)
})

/** Creates a form with these fields and one image. */
function formOf (fields: Record<string, unknown>, image: Buffer): Buffer {
  const given = Object.entries(fields).filter(([, value]) => value !== undefined)
  const texts = given.map(([name, value]) =>
    `--sightline-test\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${String(value)}\r\n`)
  return join(
    ...texts,
    '--sightline-test\r\nContent-Disposition: form-data; name="images"; filename="a.png"\r\n',
    'Content-Type: image/png\r\n\r\n',
    image,
    '\r\n--sightline-test--\r\n'
  )
}
