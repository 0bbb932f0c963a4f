import { readFileSync } from 'node:fs'
import path from 'node:path'
import { parseEnv } from 'node:util'
import Fastify from 'fastify'
import t from 'tap'
import type { About } from '../../config/schema.ts'
import { compressionWarning, ConfigError, EnvironmentSchema, loadConfig, readEnvironment } from '../../config/config.ts'
import { ROOT } from '../../config/root.ts'
import { exampleEnvironment, withConfigurationTable } from '../../tools/scripts/configuration-docs.ts'

const GB = 1024 ** 3
/** More than any setting wants, so that no test depends on the machine. */
const PLENTY = 4096 * GB

const messageOf = (env: NodeJS.ProcessEnv, memory = PLENTY): string => {
  try {
    loadConfig(env, memory)
  } catch (error) {
    if (error instanceof ConfigError) return error.message
    throw error
  }
  return 'accepted'
}

t.test('gives the defaults for an empty environment, in natural types and frozen', async t => {
  const config = loadConfig({})
  t.strictSame(config, {
    host: '127.0.0.1',
    port: 5000,
    engine: 'local',
    engineUrls: [],
    engineApiKey: '',
    engineModel: '',
    engineImageMultiple: 28,
    model: '',
    mmproj: '',
    modelsDir: path.resolve('models'),
    llamaGpu: 'auto',
    llamaThreads: 0,
    contextSize: 8192,
    maxConcurrentRequests: 3,
    queueSize: 0,
    queueTimeoutMs: 30_000,
    requestTimeoutMs: 300_000,
    uploadTimeoutMs: 60_000,
    headersTimeoutMs: 20_000,
    stallTimeoutMs: 60_000,
    shutdownGraceMs: 30_000,
    maxConnections: 2000,
    imageCompressionMaxSize: 1024,
    maxPixels: 1_003_520,
    imageMinTokens: null,
    imageMaxTokens: null,
    maxImages: 8,
    maxFileSizeMb: 20,
    jsonBodyLimitMb: 16,
    maxInputPixels: 100_000_000,
    uploadDir: path.resolve('uploads'),
    imageCacheMb: 512,
    boxCoordinates: 'auto',
    imageUrlHosts: [],
    apiKeys: [],
    rateLimitKey: 0,
    rateLimitAddress: 0,
    corsOrigins: [],
    trustProxy: [],
    traces: null,
    logLevel: 'info'
  })
  t.ok(Object.isFrozen(config))
  t.ok(Object.isFrozen(config.trustProxy))
})

t.test('counts an empty variable as unset and ignores unknown ones', async t => {
  const names = Object.keys(EnvironmentSchema.properties)
  t.strictSame(loadConfig(Object.fromEntries(names.map(name => [name, ' ']))), loadConfig({}))
  t.strictSame(loadConfig({ PATH: '/bin', PORTS: 'banana' }), loadConfig({}))
})

t.test('does not change the environment that it is given', async t => {
  const env = Object.freeze({ PORT: '0', MODEL: 'qwen3-vl-4b' })
  t.match(loadConfig(env), { port: 0, model: 'qwen3-vl-4b' })
})

t.test('takes fractions of seconds, in whole milliseconds', async t => {
  t.equal(loadConfig({ REQUEST_TIMEOUT: '0.5' }).requestTimeoutMs, 500)
  t.equal(loadConfig({ REQUEST_TIMEOUT: '16.1' }).requestTimeoutMs, 16_100)
})

t.test('names the variable, the value and what is allowed on one line', async t => {
  t.equal(
    messageOf({ MAX_CONCURRENT_REQUESTS: 'banana' }),
    'MAX_CONCURRENT_REQUESTS must be auto or an integer from 1 to 64, got "banana"'
  )
  t.equal(messageOf({ QUEUE_TIMEOUT: '-1' }), 'QUEUE_TIMEOUT must be a number from 0.01 to 3600, got "-1"')
  t.equal(messageOf({ LLAMA_GPU: 'rocm' }), 'LLAMA_GPU must be one of auto, cuda, vulkan, metal, off, got "rocm"')
  t.equal(messageOf({ PORT: '1\n2' }), 'PORT must be an integer from 0 to 65535, got "1\\n2"')
  t.ok(messageOf({ PORT: 'x'.repeat(10_000) }).length < 200)
})

t.test('takes numbers in plain decimal notation only', async t => {
  for (const value of ['0x10', '1e3', 'Infinity', 'NaN', '5000.5', '5 000', '5,000', '+1']) {
    t.match(messageOf({ PORT: value }), /^PORT must be/, value)
  }
})

t.test('holds every number to its bounds', async t => {
  for (const [name, schema] of Object.entries(EnvironmentSchema.properties)) {
    const { minimum, maximum } = schema as { minimum?: number, maximum?: number }
    if (minimum === undefined || maximum === undefined) continue
    t.equal(messageOf({ [name]: String(minimum) }), 'accepted', `${name}=${minimum}`)
    t.equal(messageOf({ [name]: String(maximum) }), 'accepted', `${name}=${maximum}`)
    t.match(messageOf({ [name]: String(minimum - 1) }), new RegExp(`^${name} must be .* from `), `${name} below`)
    t.match(messageOf({ [name]: String(maximum + 1) }), new RegExp(`^${name} must be .* from `), `${name} above`)
  }
})

t.test('takes empty and 0 threads for all cores, empty and 0 tokens for the projector\'s own', async t => {
  t.equal(loadConfig({ LLAMA_THREADS: '0' }).llamaThreads, 0)
  t.equal(loadConfig({ LLAMA_THREADS: '8' }).llamaThreads, 8)
  t.match(loadConfig({ IMAGE_MIN_TOKENS: '0', IMAGE_MAX_TOKENS: '640' }), { imageMinTokens: null, imageMaxTokens: 640 })
})

t.test('takes a number of slots, or auto', async t => {
  for (const [value, expected] of [['auto', 'auto'], ['1', 1], ['64', 64]] as const) {
    t.equal(loadConfig({ MAX_CONCURRENT_REQUESTS: value }).maxConcurrentRequests, expected)
  }
  for (const value of ['0', '65', '1.5', 'Auto']) {
    t.match(messageOf({ MAX_CONCURRENT_REQUESTS: value }), /must be auto or an integer from 1 to 64, got/, value)
  }
})

t.test('refuses more tokens at least than at most', async t => {
  t.equal(
    messageOf({ IMAGE_MIN_TOKENS: '65', IMAGE_MAX_TOKENS: '64' }),
    'IMAGE_MIN_TOKENS (65) must not be more than IMAGE_MAX_TOKENS (64)'
  )
  t.match(loadConfig({ IMAGE_MIN_TOKENS: '64', IMAGE_MAX_TOKENS: '64' }), { imageMinTokens: 64, imageMaxTokens: 64 })
})

t.test('takes upstreams by their base, and wants one where they are to answer', async t => {
  const urlsOf = (ENGINE_URL: string) => loadConfig({ ENGINE: 'openai', ENGINE_URL }).engineUrls
  t.strictSame(urlsOf('http://gpu-1:8000, https://gpu-2/v1/,http://[::1]:80/llm/v1'), [
    'http://gpu-1:8000/v1/', 'https://gpu-2/v1/', 'http://[::1]/llm/v1/'
  ])
  t.match(messageOf({ ENGINE: 'openai' }), /^ENGINE=openai needs ENGINE_URL/)
  t.equal(messageOf({ ENGINE_URL: 'http://gpu-1:8000/v1' }), 'accepted')
  for (const value of ['gpu-1:8000', 'ftp://gpu-1', 'http://', 'http://gpu-1/v1?x=1']) {
    t.match(messageOf({ ENGINE_URL: value }), /^ENGINE_URL must be http or https URLs/, value)
  }
  t.match(messageOf({ ENGINE_URL: 'http://a/v1,http://a' }), /^ENGINE_URL names http:\/\/a\/v1\/ twice/)
  for (const value of ['http://me:secret@gpu-1', 'ftp://me:secret@gpu-1']) {
    t.notMatch(messageOf({ ENGINE_URL: value }), /secret|accepted/)
  }
  t.notMatch(messageOf({ ENGINE_API_KEY: 'secret secret' }), /secret|accepted/)
  t.equal(loadConfig({ ENGINE_API_KEY: 'EMPTY' }).engineApiKey, 'EMPTY')
})

t.test('makes folders absolute', async t => {
  const config = loadConfig({ UPLOAD_DIR: '/var/uploads/', MODELS_DIR: '../models' })
  t.equal(config.uploadDir, path.resolve('/var/uploads'))
  t.equal(config.modelsDir, path.resolve('..', 'models'))
})

t.test('takes proxies that Fastify understands', async t => {
  const { trustProxy } = loadConfig({ TRUST_PROXY: '127.0.0.1, 172.18.0.0/16,::1, fd00::/8, loopback,' })
  t.strictSame(trustProxy, ['127.0.0.1', '172.18.0.0/16', '::1', 'fd00::/8', 'loopback'])
  const app = Fastify({ trustProxy: [...trustProxy] })
  app.get('/', async request => request.ip)
  const response = await app.inject({ url: '/', headers: { 'x-forwarded-for': '203.0.113.7' } })
  t.equal(response.body, '203.0.113.7')
})

t.test('refuses to trust everybody and says why', async t => {
  for (const value of ['true', 'TRUE', '*', '0.0.0.0/0', '::/0', '10.0.0.1,0.0.0.0/0']) {
    t.match(messageOf({ TRUST_PROXY: value }), /forgeable/, value)
  }
})

t.test('refuses proxies that are no addresses', async t => {
  for (const value of [
    'false', '1', 'nginx', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/8/8', '300.0.0.1', '10.0.0.1;10.0.0.2'
  ]) {
    t.match(messageOf({ TRUST_PROXY: value }), /^TRUST_PROXY must be addresses or CIDRs .*, got "/, value)
  }
})

t.test('takes lists of hosts, keys and origins', async t => {
  const config = loadConfig({
    IMAGE_URL_HOSTS: 'Images.example.com, *.cdn.example.com',
    API_KEYS: 'a-key-of-16-chars,another-key/with+more',
    CORS_ORIGIN: 'https://chat.example.com, http://localhost:3000'
  })
  t.strictSame(config.imageUrlHosts, ['images.example.com', '*.cdn.example.com'])
  t.strictSame(config.apiKeys, ['a-key-of-16-chars', 'another-key/with+more'])
  t.strictSame(config.corsOrigins, ['https://chat.example.com', 'http://localhost:3000'])
  t.match(loadConfig({}), { imageUrlHosts: [], apiKeys: [], corsOrigins: [] })
})

t.test('refuses hosts, keys and origins that cannot be meant, and tells no key', async t => {
  for (const value of ['https://example.com', 'example.com/path', 'example.com:80', '*', 'a b']) {
    t.match(messageOf({ IMAGE_URL_HOSTS: value }), /^IMAGE_URL_HOSTS must be host names/, value)
  }
  for (const value of ['example.com', 'https://example.com/', 'https://example.com/path', 'null']) {
    t.match(messageOf({ CORS_ORIGIN: value }), /^CORS_ORIGIN must be \* or origins/, value)
  }
  t.match(messageOf({ API_KEYS: 'a-key-of-16-chars,hunter2' }), /^API_KEYS: key 2 must have 16 to 200 printable/)
  t.notMatch(messageOf({ API_KEYS: 'hunter2' }), /hunter2/)
  t.match(messageOf({ API_KEYS: 'a-key-of-16-chars,a-key-of-16-chars' }), /key 2 is there twice/)
})

t.test('warns where MAX_PIXELS binds before IMAGE_COMPRESSION_MAX_SIZE', async t => {
  t.equal(compressionWarning(loadConfig({})), null)
  t.equal(compressionWarning(loadConfig({ IMAGE_COMPRESSION_MAX_SIZE: '2048', MAX_PIXELS: '4194304' })), null)
  t.equal(compressionWarning(loadConfig({ IMAGE_COMPRESSION_MAX_SIZE: '2048' })),
    'MAX_PIXELS=1003520 shrinks a square picture to 1001 x 1001 before IMAGE_COMPRESSION_MAX_SIZE=2048 is reached: raise MAX_PIXELS to 4194304')
  const beyond = compressionWarning(loadConfig({ IMAGE_COMPRESSION_MAX_SIZE: '8192', MAX_PIXELS: '16777216' }))
  t.match(beyond, /lower IMAGE_COMPRESSION_MAX_SIZE to 4096$/, 'no advice that the bounds forbid')
})

t.test('reads .env below the environment', async t => {
  const dir = t.testdir({
    '.env': '\uFEFFPORT=5001\r\nMODEL="a b#c" # a comment\r\nSIGHTLINE_TEST_SET=file\nSIGHTLINE_TEST_EMPTY=file\n'
  })
  process.env.SIGHTLINE_TEST_SET = 'process'
  process.env.SIGHTLINE_TEST_EMPTY = ''
  const { PORT, MODEL } = process.env
  delete process.env.PORT
  delete process.env.MODEL
  t.teardown(() => {
    delete process.env.SIGHTLINE_TEST_SET
    delete process.env.SIGHTLINE_TEST_EMPTY
    if (PORT !== undefined) process.env.PORT = PORT
    if (MODEL !== undefined) process.env.MODEL = MODEL
  })
  const env = readEnvironment(dir)
  t.match(loadConfig(env), { port: 5001, model: 'a b#c' })
  t.equal(env.SIGHTLINE_TEST_SET, 'process')
  t.equal(env.SIGHTLINE_TEST_EMPTY, 'file', 'an empty variable does not hide the file')
  t.equal(process.env.PORT, undefined, 'the environment itself stays as it is')
})

t.test('needs no .env but says when it cannot read one', async t => {
  t.equal(readEnvironment(t.testdir({})).PATH, process.env.PATH)
  t.throws(() => readEnvironment(t.testdir({ '.env': {} })), {
    constructor: ConfigError, message: /^\.env cannot be read: EISDIR/
  })
})

t.test('.env.example and the table in docs/operations.md are as the schema says', async t => {
  const operations = readFileSync(path.join(ROOT, 'docs/operations.md'), 'utf8')
  t.equal(operations, withConfigurationTable(operations), 'npm run docs:configuration writes it')
  t.equal(
    readFileSync(path.join(ROOT, '.env.example'), 'utf8'), exampleEnvironment(), 'npm run docs:configuration writes it'
  )
  const headings = new Set([...operations.matchAll(/^##+ (.*)$/gm)].map(([, heading]) => heading!))
  for (const [name, setting] of Object.entries(
    EnvironmentSchema.properties as unknown as Record<string, About & { description: string }>
  )) {
    t.match(setting.description, /^.{10,}\.$/, `${name} is explained`)
    if (setting.section) t.ok(headings.has(setting.section), `${name}: there is a section ${setting.section}`)
  }
})

t.test('a copy of .env.example changes nothing, nor does one without its #', async t => {
  const lines = exampleEnvironment().split('\n')
  t.ok(lines.every(line => line.startsWith('#') || line === ''))
  const settings = lines.filter(line => /^#[A-Z_]+=/.test(line)).map(line => line.slice(1))
  t.strictSame(settings.map(line => line.replace(/=.*/, '')), Object.keys(EnvironmentSchema.properties))
  t.strictSame(loadConfig(parseEnv(settings.join('\n'))), loadConfig({}))
})

t.test('auto is for models of our own', async t => {
  t.equal(loadConfig({ MAX_CONCURRENT_REQUESTS: 'auto' }).maxConcurrentRequests, 'auto')
  t.match(
    messageOf({ MAX_CONCURRENT_REQUESTS: 'auto', ENGINE: 'openai', ENGINE_URL: 'http://gpu-1:8000/v1' }),
    /^MAX_CONCURRENT_REQUESTS=auto is for ENGINE=local/
  )
})

t.test('localhost is one address', async t => {
  t.equal(loadConfig({ HOST: 'localhost' }).host, '127.0.0.1')
  t.equal(loadConfig({ HOST: '::1' }).host, '::1')
})

t.test('traces are made where a collector is named', async t => {
  const endpoint = 'http://collector:4318/'
  const base = { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint }
  t.strictSame(loadConfig(base).traces, {
    endpoint: 'http://collector:4318', headers: {}, serviceName: 'sightline', sampler: 'parentbased_always_on', ratio: 1
  })
  t.strictSame(loadConfig({
    ...base,
    OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Basic%20YTpi=, x-tenant=one',
    OTEL_SERVICE_NAME: 'eyes',
    OTEL_TRACES_SAMPLER: 'traceidratio',
    OTEL_TRACES_SAMPLER_ARG: '0.25'
  }).traces,
  {
    endpoint: 'http://collector:4318',
    headers: { authorization: 'Basic YTpi=', 'x-tenant': 'one' },
    serviceName: 'eyes',
    sampler: 'traceidratio',
    ratio: 0.25
  })
  for (const value of ['collector:4318', 'grpc://collector', 'http://collector?x=1']) {
    t.match(
      messageOf({ OTEL_EXPORTER_OTLP_ENDPOINT: value }), /^OTEL_EXPORTER_OTLP_ENDPOINT must be an http or https URL/,
      value
    )
  }
  for (const value of ['http://me:secret@collector', 'grpc://me:secret@collector']) {
    t.notMatch(messageOf({ OTEL_EXPORTER_OTLP_ENDPOINT: value }), /secret|accepted/)
  }
  for (const value of ['secret', '=secret', 'a=secret%', 'a=secret%0d%0ab', 'a b=secret']) {
    t.match(
      messageOf({ ...base, OTEL_EXPORTER_OTLP_HEADERS: `ok=1,${value}` }),
      /^OTEL_EXPORTER_OTLP_HEADERS: entry 2 must be name=value/, value
    )
    t.notMatch(messageOf({ ...base, OTEL_EXPORTER_OTLP_HEADERS: value }), /secret|accepted/)
  }
  t.match(messageOf({ ...base, OTEL_TRACES_SAMPLER: 'jaeger_remote' }), /^OTEL_TRACES_SAMPLER must be one of always_on/)
  t.match(messageOf({ ...base, OTEL_TRACES_SAMPLER_ARG: '2' }), /^OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1/)
})

t.test('a cache that does not fit into the memory is refused, whichever engine fills it', async t => {
  for (const engine of [{}, { ENGINE: 'openai', ENGINE_URL: 'http://gpu:8000' }]) {
    t.equal(messageOf({ ...engine, IMAGE_CACHE_MB: '9216' }, 10 * GB), 'accepted')
    t.equal(loadConfig(engine, GB / 4).imageCacheMb, 230, 'the default is lowered')
    t.equal(
      messageOf({ ...engine, IMAGE_CACHE_MB: '9217' }, 10 * GB),
      'IMAGE_CACHE_MB=9217 does not fit into the memory of this machine or container: at most 9216'
    )
  }
})
