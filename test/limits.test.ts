import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import sharp from 'sharp'
import t from 'tap'
import { DEMO } from '../models/presets.ts'
import { ROOT } from '../config/root.ts'
import { LIMITS, withLimitsTable, type LimitName } from '../tools/scripts/limits.ts'
import { canTellStalls, withStall } from './event-loop.ts'
import { withChatTemplate } from './gguf.ts'
import { createForm, createTestEngine, startService } from './helper.ts'

/** What may be computed for a request that is refused, without a turn of the event loop and in all. */
const REFUSED_WITHIN_MS = 250
const MB = 1024 * 1024

// The embedded model under a template that knows tools.
const file = path.join(t.testdir(), 'tools.gguf')
withChatTemplate(path.join(ROOT, DEMO.model), file, readFileSync(path.join(ROOT, 'test/tool-template.jinja'), 'utf8'))
const engine = await createTestEngine(t, { model: file, mmproj: path.join(ROOT, DEMO.mmproj), threads: 1 })
const service = await startService(
  t, { JSON_BODY_LIMIT_MB: '3', MAX_FILE_SIZE_MB: '1', MAX_IMAGES: '4', MAX_INPUT_PIXELS: '90000' }, engine
)
const { model } = engine.info()

interface Asking { path: string, init: RequestInit }

const json = (body: object | string, path = '/api/chat'): Asking =>
  ({
    path,
    init: {
      method: 'POST',
      body: typeof body === 'string' ? body : JSON.stringify(body),
      headers: { 'content-type': 'application/json' }
    }
  })
const chat = (more: object) => json({ message: 'Hi', max_tokens: 1, ...more })
const form = (fields: Record<string, string | string[]>, images: Buffer[] = []): Asking =>
  ({ path: '/api/chat', init: { method: 'POST', body: createForm(fields, images) } })
const complete = (more: object): Asking =>
  json({ model, max_tokens: 1, messages: [{ role: 'user', content: 'Hi' }], ...more }, '/v1/chat/completions')
/** A form with a message, and so many parts without a name. */
const bare = (count: number): Asking => {
  const field = (name: string, value: string) =>
    `--limits\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`
  const body =
    field('message', 'Hi') + field('max_tokens', '1') + '--limits\r\n\r\nx\r\n'.repeat(count) + '--limits--\r\n'
  return {
    path: '/api/chat',
    init: { method: 'POST', body, headers: { 'content-type': 'multipart/form-data; boundary=limits' } }
  }
}
const repeat = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index))
const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels)
const id = (number: number) => `sha256:${number.toString(16).padStart(64, '0')}`
const turn = (more: object = {}) => ({ role: 'user', content: 'Hi', ...more })
const withSchema = (schema: object) =>
  chat({ response_format: { type: 'json_schema', json_schema: { name: 'x', schema } } })
const named = (numbers: number[]) => chat({
  history: repeat(Math.ceil(numbers.length / 64), i => turn({ images: numbers.slice(64 * i, 64 * (i + 1)).map(id) }))
})
const drawn = (width: number, height: number) =>
  sharp({ create: { width, height, channels: 3, background: 'red' } }).png().toBuffer()
const noImage = Buffer.from('no image')
const call = (i: number) => ({ id: `call_${i}`, type: 'function', function: { name: 'look', arguments: '{}' } })

/** A request just at a limit and one just beyond it. */
interface Probe {
  /** @param excess 0: at the limit; 1: beyond it */
  ask (excess: 0 | 1): Asking | Promise<Asking>
  /** What the sentence of the refusal says, beside the limit. */
  names: RegExp
  /** The limit as the sentence has it; null where it does not say a number. */
  figure: string | null
  /** A request at the limit is refused for something else, with this code. */
  otherwise?: string
}

/** Each limit has a probe here, or a test of its own elsewhere. */
const PROBES: Record<LimitName, Probe | { elsewhere: string }> = {
  connections: { elsewhere: 'test/clients/connections.test.ts' },
  pipelined: { elsewhere: 'test/clients/greedy.test.ts' },
  headTime: { elsewhere: 'test/clients/slow-senders.test.ts' },
  uploadTime: { elsewhere: 'test/clients/slow-senders.test.ts' },
  requestTime: { elsewhere: 'test/plugins/cleanup.test.ts' },
  readTime: { elsewhere: 'test/clients/stalled-readers.test.ts' },
  discarded: { elsewhere: 'test/plugins/request-body.test.ts' },
  wrongKeys: { elsewhere: 'test/clients/wrong-keys.test.ts' },
  keyRate: { elsewhere: 'test/plugins/rate-limit.test.ts' },
  addressRate: { elsewhere: 'test/plugins/rate-limit.test.ts' },
  slots: { elsewhere: 'test/plugins/concurrency-limit.test.ts' },
  queue: { elsewhere: 'test/plugins/concurrency-limit.test.ts' },
  queueTime: { elsewhere: 'test/plugins/concurrency-limit.test.ts' },
  head: {
    ask: excess => ({
      path: '/health/live', init: { headers: { 'x-padding': 'x'.repeat(15 * 1024 + excess * 1024) } }
    }),
    names: /headers/,
    figure: '16 KB'
  },

  jsonBody: {
    ask: excess => json('{"message":"Hi","max_tokens":1}'.padEnd(3 * MB + excess)), names: /body/, figure: '3 MB'
  },
  jsonDepth: {
    ask: excess => json(`{"message":"Hi","stop":${nested(127 + excess)}}`),
    names: /body .* nested/,
    figure: '128',
    otherwise: 'INVALID_FIELD'
  },
  jsonValues: {
    ask: excess => json(`{"message":"Hi","stop":[${'0,'.repeat(49_997 + excess)}0]}`),
    names: /body .* values/,
    figure: '50000',
    otherwise: 'INVALID_FIELD'
  },
  jsonNames: {
    ask: excess => json(`{"message":"Hi","${'/'.repeat(1000 + excess)}" :0}`),
    names: /body .* name/,
    figure: '1000',
    otherwise: 'UNKNOWN_FIELD'
  },
  formParts: { ask: excess => bare(998 + excess), names: /parts/, figure: '1000' },
  formFields: {
    ask: excess => form({ message: 'Hi', stop: repeat(249 + excess, String) }),
    names: /text fields/,
    figure: '250',
    otherwise: 'INVALID_FIELD'
  },
  formField: {
    ask: excess => form({ message: 'Hi', system: 'x'.repeat(MB + excess) }),
    names: /"system"/,
    figure: '1048576',
    otherwise: 'INVALID_FIELD'
  },
  formText: {
    ask: excess => form({ message: 'Hi', history: [MB, MB, MB, MB - 2 + excess].map(length => '{}'.padEnd(length)) }),
    names: /"history"/,
    figure: '4194304',
    otherwise: 'INVALID_HISTORY'
  },
  images: {
    ask: excess => form({ message: 'Hi' }, repeat(4 + excess, () => noImage)),
    names: /pictures/,
    figure: '4',
    otherwise: 'UNSUPPORTED_IMAGE'
  },
  file: {
    ask: excess => form({ message: 'Hi' }, [Buffer.alloc(MB + excess, 1)]),
    names: /images\[0\]/,
    figure: '1 MB',
    otherwise: 'UNSUPPORTED_IMAGE'
  },

  message: {
    ask: excess => chat({ message: '😀'.repeat(32_000 + excess) }),
    names: /"message"/,
    figure: '32000',
    otherwise: 'PROMPT_TOO_LONG'
  },
  system: {
    ask: excess => chat({ system: 'x'.repeat(32_000 + excess) }),
    names: /"system"/,
    figure: '32000',
    otherwise: 'PROMPT_TOO_LONG'
  },
  turns: { ask: excess => chat({ history: repeat(200 + excess, () => turn()) }), names: /"history"/, figure: '200' },
  content: {
    ask: excess => chat({ history: [turn({ content: 'x'.repeat(32_000 + excess) })] }),
    names: /"history" turn 0 content/,
    figure: '32000',
    otherwise: 'PROMPT_TOO_LONG'
  },
  turnImages: {
    ask: excess => chat({ history: [turn({ images: repeat(64 + excess, id) })] }),
    names: /"history" turn 0 images/,
    figure: '64',
    otherwise: 'IMAGE_EXPIRED'
  },
  namedImages: {
    ask: excess => named(repeat(256 + excess, i => i)),
    names: /"history" .* different images/,
    figure: '256',
    otherwise: 'IMAGE_EXPIRED'
  },
  mentions: {
    ask: excess => named(repeat(1000 + excess, () => 7)),
    names: /"history" .* by id/,
    figure: '1000',
    otherwise: 'IMAGE_EXPIRED'
  },
  stops: { ask: excess => chat({ stop: repeat(4 + excess, String) }), names: /"stop"/, figure: '4' },
  stop: { ask: excess => chat({ stop: ['x'.repeat(100 + excess)] }), names: /"stop\[0\]"/, figure: '100' },
  messages: {
    ask: excess => complete({ messages: repeat(1000 + excess, () => ({ role: 'user', content: 'Hi' })) }),
    names: /"messages"/,
    figure: '1000',
    otherwise: 'PROMPT_TOO_LONG'
  },
  parts: {
    ask: excess => complete({
      messages: repeat(
        2, i => ({ role: 'user', content: repeat(5000 + i * excess, () => ({ type: 'text', text: 'a' })) })
      )
    }),
    names: /"messages" .* parts/,
    figure: '10000',
    otherwise: 'PROMPT_TOO_LONG'
  },
  calls: {
    ask: excess => complete({
      messages: repeat(2, i => ({ role: 'assistant', content: '', tool_calls: repeat(500 + i * excess, call) }))
    }),
    names: /"messages" .* tool calls/,
    figure: '1000',
    otherwise: 'PROMPT_TOO_LONG'
  },
  tools: {
    ask: excess => complete({
      tools: repeat(128 + excess, i => ({ type: 'function', function: { name: `tool_${i}` } }))
    }),
    names: /"tools"/,
    figure: '128',
    otherwise: 'PROMPT_TOO_LONG'
  },
  // The schema, its keyword and the list are values, too.
  schemaValues: {
    ask: excess => withSchema({ type: 'null', 'x-list': repeat(9_997 + excess, () => 0) }),
    names: /schema .* at # .* values/,
    figure: '10000'
  },
  schemaText: {
    ask: excess => withSchema({ type: 'null', title: 'x'.repeat(200_000 - 'typenulltitle'.length + excess) }),
    names: /schema .* at # .* characters/,
    figure: '200000'
  },
  schemaConstants: {
    ask: excess => withSchema({ enum: repeat(1000 + excess, i => i) }), names: /"enum" at #/, figure: null
  },
  schemaDepth: {
    ask: excess => withSchema({ type: 'null', 'x-deep': JSON.parse(nested(64 + excess)) }),
    names: /"x-deep" at # .* levels/,
    figure: '64'
  },
  grammar: {
    ask: excess => withSchema({ enum: repeat(100 + excess * 800, i => `${i}${'"'.repeat(140)}${i}`) }),
    names: /schema .*"enum" at # makes the schema too complex/,
    figure: null
  },
  maxTokens: { ask: excess => chat({ max_tokens: 131_072 + excess }), names: /"max_tokens"/, figure: '131072' },
  prompt: {
    ask: excess => chat({ message: 'red circle '.repeat(excess === 0 ? 100 : 2900) }),
    names: /conversation needs \d+ tokens/,
    figure: '4094'
  },

  pixels: {
    ask: async excess => form({ message: 'Hi', max_tokens: '1' }, [await drawn(300, 300 + excess)]),
    names: /images\[0\]/,
    figure: '90000'
  },
  ratio: {
    ask: async excess => form({ message: 'Hi', max_tokens: '1' }, [await drawn(1, 200 + excess)]),
    names: /images\[0\]/,
    figure: '200'
  },
  decodeTime: { elsewhere: 'test/services/images/prepare.test.ts' },
  text: { elsewhere: 'test/hostile/structure.test.ts' },
  jpegSegments: { elsewhere: 'test/hostile/structure.test.ts' },
  jpegScans: { elsewhere: 'test/hostile/structure.test.ts' },
  pngChunks: { elsewhere: 'test/hostile/structure.test.ts' },
  pngTexts: { elsewhere: 'test/hostile/structure.test.ts' },
  gifBlocks: { elsewhere: 'test/hostile/structure.test.ts' },
  webpChunks: { elsewhere: 'test/hostile/structure.test.ts' },
  tiffPages: { elsewhere: 'test/hostile/structure.test.ts' },
  tiffTagsOfPage: { elsewhere: 'test/hostile/structure.test.ts' },
  tiffTags: { elsewhere: 'test/hostile/structure.test.ts' },
  tiffShared: { elsewhere: 'test/hostile/structure.test.ts' },
  avifBoxes: { elsewhere: 'test/hostile/structure.test.ts' },
  avifInnerBoxes: { elsewhere: 'test/hostile/structure.test.ts' },
  avifItems: { elsewhere: 'test/hostile/structure.test.ts' },
  avifExtents: { elsewhere: 'test/hostile/structure.test.ts' },
  avifShared: { elsewhere: 'test/hostile/structure.test.ts' },
  avifParts: { elsewhere: 'test/hostile/structure.test.ts' },
  avifPartsOfImage: { elsewhere: 'test/hostile/structure.test.ts' },
  avifAssociations: { elsewhere: 'test/hostile/structure.test.ts' },
  avifUnits: { elsewhere: 'test/hostile/structure.test.ts' },
  avifFrames: { elsewhere: 'test/hostile/structure.test.ts' },
  avifTables: { elsewhere: 'test/hostile/structure.test.ts' }
}

interface Answer { status: number, code: string, sentence: string, details: Record<string, unknown> }

async function send ({ path, init }: Asking): Promise<Answer> {
  const response = await fetch(service.url + path, init)
  const body = await response.json() as Record<string, unknown> & { error?: string | Record<string, unknown> }
  // On /v1 everything stands inside `error`.
  const details = typeof body.error === 'object' ? body.error : body
  return {
    status: response.status,
    code: String(details.code ?? ''),
    sentence: String(details.message ?? details.error ?? ''),
    details
  }
}

/** The first status and code of a row of the table. */
const expected = (name: LimitName) => /^(\d+) `([A-Z_]+)`/.exec(LIMITS[name].beyond)!.slice(1)

t.test('docs/api.md has the table of today, and each limit stands where it says', async t => {
  const document = readFileSync(path.join(ROOT, 'docs/api.md'), 'utf8')
  t.equal(document, withLimitsTable(document), 'npm run docs:limits writes it')
  for (const { by } of Object.values(LIMITS)) t.ok(existsSync(path.join(ROOT, by)), by)
})

for (const [name, probe] of Object.entries(PROBES) as Array<[LimitName, Probe | { elsewhere: string }]>) {
  const { what, most } = LIMITS[name]
  if ('elsewhere' in probe) {
    t.ok(existsSync(path.join(ROOT, probe.elsewhere)), `${what}: tried in ${probe.elsewhere}`)
    continue
  }
  t.test(`${what}: ${most}`, async t => {
    const { ask, names, figure, otherwise } = probe
    const [status, code] = expected(name)
    const at = await send(await ask(0))
    if (otherwise === undefined) t.equal(at.status, 200, `at the limit: ${at.code} ${at.sentence}`)
    else t.equal(at.code, otherwise, `at the limit: ${at.sentence}`)

    const asking = await ask(1)
    const { result: beyond, stall, computedMs, wallMs } = await withStall(() => send(asking))
    t.same([beyond.status, beyond.code], [Number(status), code], beyond.sentence)
    t.match(beyond.sentence, names)
    if (figure !== null) t.match(beyond.sentence, new RegExp(`\\b${figure}\\b`))
    const { limit, limit_mb: megabytes, max_pixels: pixels } = beyond.details
    if (figure !== null && /^\d+( MB)?$/.test(figure)) {
      t.equal(limit ?? megabytes ?? pixels, parseInt(figure), 'a program finds the limit beside the sentence')
    }
    t.comment(`refused after ${wallMs.toFixed(
      0
    )} ms, of which this thread computed ${computedMs.toFixed(0)}; the longest stall ${stall.ownMs.toFixed(0)} ms`)
    if (canTellStalls) {
      t.ok(computedMs < REFUSED_WITHIN_MS, `${computedMs.toFixed(0)} ms computed by client and service together`)
    }
    await service.quiet()
  })
}
