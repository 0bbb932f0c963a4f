import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { ROOT } from '../../config/root.ts'
import { ask, startService } from '../helper.ts'
import { connectRaw, formHead } from '../raw-client.ts'
import { noise } from '../services/images/draw.ts'
import { hostileImages } from './corpus.ts'
import { fixture } from './heic-parts.ts'
import { MAX_INPUT_PIXELS, type HostileImage, type Verdict } from './hostile-image.ts'
import type { Measurement } from './measure.ts'

/** Maximum time of a request, on a machine that also runs other programs. */
const MOST_MS = 20_000
/** Maximum memory for one image, as documented in `docs/operations.md`. */
const BYTES_PER_PIXEL = 20
/** Memory that Node and libvips need for any image. */
const SLACK_BYTES = 50 * 1024 * 1024
/** Larger files are not sent as data URIs, because they would only take time. */
const MOST_URI_BYTES = 300_000
/** Number of truncated files for each format. */
const CUTS = 40

const images = await hostileImages()
const service = await startService(t, {
  MAX_INPUT_PIXELS: String(MAX_INPUT_PIXELS), MAX_FILE_SIZE_MB: '32', CONTEXT_SIZE: '1024', MAX_CONCURRENT_REQUESTS: '2'
})
const { pid, model } = service.engine.info()

/** Checks that no file is left, that the engine did not restart, and that the service is ready. */
async function isUnharmed (t: Test): Promise<void> {
  await service.quiet()
  t.match(service.engine.info(), { state: 'ready', restarts: 0, pid }, 'the engine did not restart')
  const health = await fetch(`${service.url}/health/ready`)
  t.equal(health.status, 200)
}

/** Processes a list with two workers, because the service has two slots. */
async function inPairs<T> (list: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  const rest = [...list]
  const next = async () => {
    for (let one = rest.shift(); one !== undefined; one = rest.shift()) await work(one)
  }
  await Promise.all([next(), next()])
}

interface Outcome { verdict: string, status: number, message: string, ms: number }

async function sendFile (bytes: Buffer, name: string): Promise<Outcome> {
  const started = performance.now()
  const { status, body } = await ask(service.url, { message: 'Hi', max_tokens: '1' }, [{ data: bytes, name }])
  return {
    verdict: status === 200 ? 'accepted' : body.code, status, message: body.error ?? '', ms: performance.now() - started
  }
}

async function sendUri (bytes: Buffer): Promise<Outcome> {
  const started = performance.now()
  const image = { type: 'image_url', image_url: { url: `data:image/png;base64,${bytes.toString('base64')}` } }
  const response = await fetch(`${service.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      model, max_tokens: 1, messages: [{ role: 'user', content: [{ type: 'text', text: 'Hi' }, image] }]
    })
  })
  const body = await response.json() as { error?: { code: string, message: string } }
  return {
    verdict: body.error?.code ?? 'accepted',
    status: response.status,
    message: body.error?.message ?? '',
    ms: performance.now() - started
  }
}

function check (t: Test, image: HostileImage, { verdict, status, message, ms }: Outcome, named: string): void {
  const { name, expect } = image
  const proper = verdict === expect && (status === 200 || (status >= 400 && status < 500 && message.startsWith(named)))
  t.ok(proper, name, proper ? {} : { verdict, status, message, expect })
  if (ms > MOST_MS) t.fail(`${name} took ${Math.round(ms)} ms`)
}

t.test('every hostile image is accepted or refused as expected, and errors name it', async t => {
  t.ok(images.length > 250)
  await inPairs(images, async image => check(t, image, await sendFile(image.bytes, 'a.png'), 'images[0] ("a.png")'))
  await isUnharmed(t)
})

t.test('hostile images in data URIs are accepted or refused as expected', async t => {
  const small = images.filter(({ bytes }, index) => bytes.length <= MOST_URI_BYTES && index % 2 === 0)
  t.ok(small.length > 100)
  await inPairs(small, async image =>
    check(t, image, await sendUri(image.bytes), 'messages[0].content[1].image_url.url'))
  await isUnharmed(t)
})

t.test('no image needs more memory than documented, or keeps a decoder busy', {
  skip: !existsSync('/proc/self/clear_refs') && 'the measurement needs /proc'
}, async t => {
  const dir = t.testdir()
  const files = images.map(({ bytes }, index) => {
    const file = path.join(dir, String(index))
    writeFileSync(file, bytes)
    return file
  })
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--import', 'tsx', path.join(ROOT, 'test/hostile/measure.ts'), String(MAX_INPUT_PIXELS), ...files],
    { cwd: ROOT, maxBuffer: 2 ** 24 }
  )
  const measured = stdout.trim().split('\n').map(line => JSON.parse(line) as Measurement)
  t.equal(measured.length, images.length)
  for (const [index, { outcome, bytes, ms }] of measured.entries()) {
    const { name, expect } = images[index]!
    t.equal(outcome, expect, name)
    if (bytes > MAX_INPUT_PIXELS * BYTES_PER_PIXEL + SLACK_BYTES) t.fail(`${name} took ${Math.round(bytes / 1e6)} MB`)
    if (ms > MOST_MS) t.fail(`${name} took ${ms} ms`)
  }
})

t.test('a truncated image is refused, unless only its end is missing', async t => {
  const drawn = noise(280, 196)
  const whole = {
    jpeg: drawn.clone().jpeg(),
    png: drawn.clone().png(),
    webp: drawn.clone().webp(),
    gif: drawn.clone().gif(),
    tiff: drawn.clone().tiff({ compression: 'lzw' }),
    avif: drawn.clone().avif({ effort: 0 }),
    heic: { toBuffer: async () => fixture('plain') }
  }
  const refusals: Verdict[] = ['CORRUPT_IMAGE', 'EMPTY_FILE', 'UNSUPPORTED_IMAGE']
  for (const [kind, image] of Object.entries(whole)) {
    const bytes = await image.toBuffer()
    await inPairs(cuts(bytes.length), async at => {
      const { verdict, status, message, ms } = await sendFile(bytes.subarray(0, at), `a.${kind}`)
      // Only the end of a GIF or a PNG may be missing.
      const proper = status === 422 || status === 415
        ? (refusals as string[]).includes(verdict) && message.startsWith(`images[0] ("a.${kind}")`)
        : status === 200 && at > bytes.length * 0.95
      t.ok(proper, `${kind} of ${bytes.length} bytes cut off after ${at}`, proper ? {} : { verdict, status, message })
      if (ms > MOST_MS) t.fail(`${kind} cut off after ${at} took ${Math.round(ms)} ms`)
    })
  }
  await isUnharmed(t)
})

/** Returns offsets: half of them in the first bytes, which contain the structure, the others evenly distributed. */
function cuts (length: number): number[] {
  const half = CUTS / 2
  return Array.from({ length: CUTS }, (_, i) =>
    i < half ? Math.floor((i / half) ** 2 * 300) : Math.floor(300 + (length - 301) * (i - half + 1) / half))
}

t.test('the name of a file is never used as a path, and cannot break a message', async t => {
  const good = await noise(90, 70).png().toBuffer()
  const parent = path.dirname(service.config.uploadDir)
  mkdirSync(path.join(parent, 'untouched'))
  const names = [
    '../../../../tmp/a.png', '/etc/passwd', 'C:\\Windows\\a.png', '..\\..\\a.png', '.', '..', '', ' ', 'CON',
    'a.png\0.jpg', '\0', 'photo\u202egnp.exe', '\u2066\u2067a\u2069', '\u200b\ufeff', '0.upload', '0_compressed.png',
    '../0.upload', 'x'.repeat(4096), '../'.repeat(1365), '😀'.repeat(1000), 'a"b', 'a"; name="x', '%2e%2e%2fa', '%00',
    '$(id)', '`id`', '<script>alert(1)</script>', '{{7*7}}', '\x1b[31mred', '\ufffd'
  ]
  for (const name of names) {
    for (const [bytes, status] of [[good, 200], [Buffer.from('hello'), 415]] as const) {
      const reply = await sendNamed(name, bytes)
      t.match(reply, new RegExp(`^HTTP/1\\.1 ${status} `), JSON.stringify(name).slice(0, 60))
      const said = /"error":"((?:[^"\\]|\\.)*)"/.exec(reply)?.[1] ?? ''
      t.notMatch(JSON.parse(`"${said}"`), /[\p{Cc}\p{Cf}\u2028\u2029]/u, 'the message has no control characters')
      t.ok([...said].length < 200, 'the message is short')
    }
  }
  await service.quiet()
  t.same(
    readdirSync(parent).sort(), ['untouched', path.basename(service.config.uploadDir)].sort(),
    'no file was written outside of the folder'
  )
  await isUnharmed(t)
})

/** Sends a file name unchanged, except for quotes, which would end it. */
async function sendNamed (name: string, bytes: Buffer): Promise<string> {
  const part = (disposition: string, content: string) =>
    `--sightline-test\r\nContent-Disposition: form-data; ${disposition}\r\n\r\n${content}`
  const escaped = name.replaceAll('"', '\\"')
  const head = part('name="message"', 'Hi\r\n') + part('name="max_tokens"', '1\r\n') +
    part(`name="images"; filename="${escaped}"`, '')
  const body = Buffer.concat([Buffer.from(head), bytes, Buffer.from('\r\n--sightline-test--\r\n')])
  const client = await connectRaw(service.port)
  client.send(formHead('/api/chat', body.length))
  client.send(body)
  const reply = await client.until(/\r\n\r\n\{[^]*\}$/)
  client.socket.destroy()
  return reply
}
