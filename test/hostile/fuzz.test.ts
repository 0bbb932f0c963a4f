import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import t, { type Test } from 'tap'
import { SightlineError } from '../../errors/catalogue.ts'
import { parseChatFields } from '../../services/chat/fields.ts'
import { toQuestion } from '../../services/chat/question.ts'
import { grammarOfSchema } from '../../services/chat/schema-grammar/index.ts'
import { inspectImage } from '../../services/images/inspect.ts'
import { fit } from '../../services/images/plan.ts'
import { prepareImage } from '../../services/images/prepare.ts'
import { readCompletionBody, toCompletionQuestion } from '../../services/openai/request.ts'
import { readChatBody } from '../../services/uploads/body.ts'
import { decodeDataUri } from '../../services/uploads/data-uri.ts'
import { labelOf } from '../../services/uploads/label.ts'
import { join } from '../../tools/lib/bytes.ts'
import { integers } from '../../tools/lib/random.ts'
import { startService } from '../helper.ts'
import { connectRaw, formBody, formHead } from '../raw-client.ts'
import { SCHEMAS } from '../services/chat/schema-grammar/schemas.ts'
import { noise } from '../services/images/draw.ts'
import { mutateBytes, mutateJson, mutateText, pick, type Below } from './mutate.ts'

/**
 * FUZZ_SECONDS=600 FUZZ_SEED=7 npx tap --timeout=0 test/hostile/fuzz.test.ts: so many seconds for each of the tests below, other cases. Without them
 * every run tries the same cases, and as many of them whatever the machine.
 */
const SECONDS = Number(process.env.FUZZ_SECONDS ?? 0)
const SEED = Number(process.env.FUZZ_SEED ?? 1)
/** What takes longer hangs. */
const CASE_MS = 20_000

if (SECONDS > 0) t.setTimeout(0)

/** Runs a case again and again, each with numbers of its own; the first that fails is told with what it takes to see it again. */
async function fuzz (
  t: Test, cases: number, run: (below: Below, index: number) => Promise<void> | void
): Promise<void> {
  if (SECONDS > 0) t.setTimeout(0)
  const until = performance.now() + SECONDS * 1000
  let index = 0
  for (; SECONDS > 0 ? performance.now() < until : index < cases; index++) {
    const started = performance.now()
    try {
      await withinTime(run(integers(SEED * 1_000_003 + index), index))
    } catch (error) {
      t.fail(`FUZZ_SEED=${SEED}, case ${index}: ${(error as Error).stack}`)
      return
    }
    const ms = performance.now() - started
    if (ms > CASE_MS) t.fail(`FUZZ_SEED=${SEED}, case ${index} took ${Math.round(ms)} ms`)
  }
  t.pass(`${index} cases`)
}

async function withinTime<T> (result: Promise<T> | T): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late =
    new Promise<never>((_resolve, reject) => { timer = setTimeout(() => reject(new Error('it hangs')), CASE_MS) })
  try {
    return await Promise.race([result, late])
  } finally {
    clearTimeout(timer)
  }
}

/** What is refused is refused in words and with a status of ours. */
async function refusesOnly (work: () => unknown, input: unknown): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (error instanceof SightlineError && error.statusCode >= 400 && error.statusCode < 500 &&
      error.sentence('zh') !== '') return
    throw new Error(`${String(error)} for ${show(input)}`, { cause: error })
  }
}

function show (input: unknown): string {
  return Buffer.isBuffer(input) ? input.toString('base64') : JSON.stringify(input).slice(0, 3000)
}

const BOUNDS = { multiple: 28, minTokens: 16, maxTokens: 36, maxSide: 1024, maxPixels: 1_003_520 }

t.test('pictures with something wrong are read or refused', async t => {
  const dir = t.testdir()
  const drawn = noise(60, 44)
  const seeds = await Promise.all([
    drawn.clone().jpeg(), drawn.clone().jpeg({ progressive: true }), drawn
      .clone()
      .withMetadata({ orientation: 6 })
      .withIccProfile('p3')
      .jpeg(), drawn.clone().toColourspace('cmyk').jpeg(),
    drawn.clone().png(), drawn.clone().png({ palette: true }), drawn.clone().toColourspace('rgb16').png({
      progressive: true
    }),
    drawn.clone().webp(), drawn.clone().ensureAlpha(0.5).webp({ lossless: true }), drawn.clone().gif(),
    drawn.clone().tiff({ compression: 'lzw' }), drawn.clone().tiff({
      compression: 'deflate', tile: true
    }), drawn.clone().tiff({ compression: 'jpeg' }), drawn.clone().toColourspace('b-w').tiff({ bitdepth: 1 }),
    drawn.clone().avif({ effort: 0 }), drawn.clone().ensureAlpha(0.5).avif({ effort: 0, bitdepth: 10 })
  ].map(image => image.toBuffer()))

  await fuzz(t, 800, async (below, index) => {
    const bytes = mutateBytes(seeds[index % seeds.length]!, below)
    const file = { path: path.join(dir, 'picture'), label: 'images[0]', bytes: bytes.length }
    await writeFile(file.path, bytes)
    await refusesOnly(async () => {
      const header = await inspectImage(file, { maxInputPixels: 4_000_000 })
      await prepareImage(file, header, fit(header.width, header.height, BOUNDS))
    }, bytes)
  })
})

const ID = `sha256:${'a'.repeat(64)}`
const IMAGE = 'data:image/png;base64,iVBORw0KGgo='
const FORMAT = { type: 'json_schema', json_schema: { name: 'answer', schema: SCHEMAS['a list of objects'] } }
const CHAT = {
  message: 'What is it?',
  history: [{ role: 'user', content: 'Hi', images: [ID] }, { role: 'assistant', content: 'Hello' }],
  system: 'Be brief',
  images: [IMAGE],
  history_images: [IMAGE],
  max_tokens: 5,
  temperature: 0.5,
  top_p: 0.9,
  top_k: 40,
  min_p: 0.1,
  repeat_penalty: 1.1,
  seed: 7,
  stop: ['a', 'b'],
  response_format: FORMAT
}
const COMPLETION = {
  model: 'tiny',
  messages: [
    { role: 'system', content: 'Be brief' },
    {
      role: 'user',
      content: [
        { type: 'text', text: 'Hi' }, { type: 'image_url', image_url: { url: IMAGE, detail: 'low' } },
        { type: 'image_url', image_url: { url: `sightline:${ID}` } }
      ]
    },
    {
      role: 'assistant',
      content: null,
      tool_calls: [{ id: '1', type: 'function', function: { name: 'look', arguments: '{"at":1}' } }]
    },
    { role: 'tool', tool_call_id: '1', content: 'a cat' }
  ],
  tools: [{
    type: 'function',
    function: {
      name: 'look',
      description: 'Looks',
      parameters: { type: 'object', properties: { at: { type: 'integer' } } },
      strict: true
    }
  }],
  tool_choice: 'auto',
  max_tokens: 5,
  stop: 'x',
  stream: false,
  stream_options: { include_usage: true },
  response_format: FORMAT
}
const NAMES = [
  '__proto__', 'constructor', 'length', 'toString', 'then', 'role', 'content', 'images', 'type', 'text', 'image_url',
  'url', 'history', 'message', 'tools', 'function', 'arguments', 'stop', 'n', 'logit_bias', 'response_format', '',
  'a"b', '\0'
]

t.test('fields of a chat with something wrong are taken or refused', async t => {
  await fuzz(t, 2500, async below => {
    const body = mutateJson(CHAT, NAMES, below) as Record<string, unknown>
    // As they come in a form: texts, and JSON in texts.
    const form = Object.fromEntries(
      Object.entries(Object(body)).map(([name, value]) => [name, below(2) === 0 ? value : JSON.stringify(value)])
    )
    for (const fields of [body, form]) {
      await refusesOnly(() => {
        const { fields: rest } = readChatBody(Object(fields))
        toQuestion(parseChatFields(rest), [], [])
      }, fields)
    }
  })
})

t.test('JSON in fields that is none is refused', async t => {
  const words = [
    '[', ']', '{', '}', '"', '\\', ',', ':', 'null', '1e999', '\\u0000', '\\ud800', '\u2028', '{"role":"user"}', ' ',
    '-', '[]'.repeat(50)
  ]
  await fuzz(t, 2500, async below => {
    const history = mutateText(JSON.stringify(CHAT.history), words, below)
    const format = mutateText(JSON.stringify(FORMAT), words, below)
    const stop = mutateText('["a","b"]', words, below)
    for (const fields of [
      { message: 'Hi', history }, { message: 'Hi', response_format: format }, { message: 'Hi', stop },
      { message: 'Hi', history: [history, '{"role":"user","content":"a"}'] }
    ]) {
      await refusesOnly(() => toQuestion(parseChatFields(fields), [], []), fields)
    }
  })
})

t.test('completion requests with something wrong are taken or refused', async t => {
  await fuzz(t, 2500, async below => {
    const body = mutateJson(COMPLETION, [...NAMES, ...Object.keys(COMPLETION)], below)
    await refusesOnly(() => { toCompletionQuestion(readCompletionBody(Object(body)).fields, null) }, body)
  })
})

t.test('schemas with something wrong become a grammar or are refused', async t => {
  const schemas = Object.values(SCHEMAS)
  const keywords = [
    'type', 'properties', 'required', 'items', 'prefixItems', 'enum', 'const', 'anyOf', 'oneOf', 'allOf', 'not',
    'pattern', 'format', 'minLength', 'maxLength', 'minItems', 'maxItems', 'minimum', 'exclusiveMaximum', 'multipleOf',
    'additionalProperties', 'propertyNames', '$ref', '$defs', 'if', '__proto__', 'constructor', ''
  ]
  await fuzz(t, 2500, async (below, index) => {
    const schema = mutateJson(schemas[index % schemas.length], keywords, below)
    await refusesOnly(() => { grammarOfSchema(schema) }, schema)
  })
})

t.test('data URIs with something wrong give bytes or are refused', async t => {
  const words = [
    'data:', ';base64,', ';', ',', '=', '==', '====', '/', '+', '-', '_', '\0', '\n', ' ', '%', 'é', '\u202e',
    'image/png', 'A'.repeat(300)
  ]
  await fuzz(t, 10_000, async below => {
    const uri = mutateText(below(3) === 0
      ? IMAGE
      : `data:image/png;base64,${Buffer
      .from(Array.from({ length: below(60) }, () => below(256)))
      .toString('base64')}`, words, below)
    await refusesOnly(() => { decodeDataUri(uri, 'images[0]') }, uri)
  })
})

t.test('names become a line of words, whatever they are', async t => {
  const words = [
    '../', '/', '\\', '\0', '\r\n', '"', '\'', ')', '\u202e', '\u2066', '\u200b', '\ufeff', '\ud83d', '\udc00', '😀',
    '%00', '%2e%2e%2f', 'CON', '\x1b[31m', '\u2028', 'x'.repeat(4096), '\u0301'.repeat(200)
  ]
  await fuzz(t, 5000, below => {
    const name = mutateText('photo.jpg', words, below)
    const label = labelOf('images[0]', name)
    // One place, and at most sixty characters of what can be seen.
    if (!/^images\[0\](?: \("(?:[^\p{C}\p{Z}"]| ){1,60}"\))?$/u.test(label)) {
      throw new Error(`${JSON.stringify(name)} became ${JSON.stringify(label)}`)
    }
  })
})

t.test('bodies', async t => {
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

  /** Nothing is left, and the engine's process is the one that it was. */
  async function calm (t: Test): Promise<void> {
    await service.quiet()
    t.match(service.engine.info(), { state: 'ready', restarts: 0, pid })
  }

  /** The answer has a body of ours, a status of 200 or 4xx, and nothing of the inside. */
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

  await t.test('forms with something wrong are taken or refused', async t => {
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
    await calm(t)
  })

  await t.test('JSON with something wrong is taken or refused', async t => {
    const model = service.engine.info().model
    const chat = JSON.stringify({
      ...CHAT,
      history: CHAT.history.slice(1),
      history_images: [],
      images: [],
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
      messages: COMPLETION.messages.slice(0, 1),
      response_format: undefined,
      stop: undefined
    })
    await fuzz(t, 250, async below => {
      const [to, text] = pick([['/api/chat', chat], ['/v1/chat/completions', completion]] as const, below)
      await send(
        to, mutateBytes(Buffer.from(text), below),
        pick(['application/json', 'application/json; charset=utf-8', 'application/json;charset=utf-7'], below)
      )
    })
    await calm(t)
  })

  await t.test('senders that stop in the middle leave nothing', async t => {
    const body = formBody('Hi', [image, image])
    await fuzz(t, 40, async below => {
      const client = await connectRaw(service.port)
      client.send(formHead('/api/chat', body.length))
      client.send(body.subarray(0, below(body.length)))
      if (below(2) === 0) client.socket.end()
      await new Promise(resolve => setTimeout(resolve, below(20)))
      client.socket.destroy()
      await client.closed
    })
    await calm(t)
  })
})

/** A form of these fields and one image. */
function formOf (fields: Record<string, unknown>, image: Buffer): Buffer {
  const given = Object.entries(fields).filter(([, value]) => value !== undefined)
  const texts = given.map(([name, value]) =>
    `--sightline-test\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${String(value)}\r\n`)
  return join(
    ...texts,
    '--sightline-test\r\nContent-Disposition: form-data; name="images"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n',
    image, '\r\n--sightline-test--\r\n'
  )
}
