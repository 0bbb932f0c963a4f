import path from 'node:path'
import t from 'tap'
import { EnvironmentSchema, loadConfig } from '../../config/config.ts'
import { messageOf } from './message-of.ts'

t.test('returns the frozen defaults for an empty environment', async t => {
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
    flashAttention: 'auto',
    llamaThreads: 0,
    contextSize: 8192,
    thinking: 'off',
    maxThinkingTokens: 4096,
    reasoningEffortTokens: { minimal: 256, low: 1024, medium: 2048, high: 4096, xhigh: 8192 },
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
    jsonBodyLimitMb: 4,
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

t.test('does not change the given environment', async t => {
  const env = Object.freeze({ PORT: '0', MODEL: 'qwen3-vl-4b' })
  t.match(loadConfig(env), { port: 0, model: 'qwen3-vl-4b' })
})

t.test('rounds fractions of seconds to milliseconds', async t => {
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

t.test('accepts numbers in plain decimal notation only', async t => {
  for (const value of ['0x10', '1e3', 'Infinity', 'NaN', '5000.5', '5 000', '5,000', '+1']) {
    t.match(messageOf({ PORT: value }), /^PORT must be/, value)
  }
})

t.test('enforces the bounds of every number', async t => {
  for (const [name, schema] of Object.entries(EnvironmentSchema.properties)) {
    const { minimum, maximum } = schema as { minimum?: number, maximum?: number }
    if (minimum === undefined || maximum === undefined) continue
    t.equal(messageOf({ [name]: String(minimum) }), 'accepted', `${name}=${minimum}`)
    t.equal(messageOf({ [name]: String(maximum) }), 'accepted', `${name}=${maximum}`)
    t.match(messageOf({ [name]: String(minimum - 1) }), new RegExp(`^${name} must be .* from `), `${name} below`)
    t.match(messageOf({ [name]: String(maximum + 1) }), new RegExp(`^${name} must be .* from `), `${name} above`)
  }
})

t.test('treats empty and 0 as all cores and as the token limits of the projector', async t => {
  t.equal(loadConfig({ LLAMA_THREADS: '0' }).llamaThreads, 0)
  t.equal(loadConfig({ LLAMA_THREADS: '8' }).llamaThreads, 8)
  t.match(loadConfig({ IMAGE_MIN_TOKENS: '0', IMAGE_MAX_TOKENS: '640' }), { imageMinTokens: null, imageMaxTokens: 640 })
})

t.test('accepts a number of slots, or auto', async t => {
  for (const [value, expected] of [['auto', 'auto'], ['1', 1], ['64', 64]] as const) {
    t.equal(loadConfig({ MAX_CONCURRENT_REQUESTS: value }).maxConcurrentRequests, expected)
  }
  for (const value of ['0', '65', '1.5', 'Auto']) {
    t.match(messageOf({ MAX_CONCURRENT_REQUESTS: value }), /must be auto or an integer from 1 to 64, got/, value)
  }
})

t.test('resolves folders to absolute paths', async t => {
  const config = loadConfig({ UPLOAD_DIR: '/var/uploads/', MODELS_DIR: '../models' })
  t.equal(config.uploadDir, path.resolve('/var/uploads'))
  t.equal(config.modelsDir, path.resolve('..', 'models'))
})

t.test('listens on a single address for localhost', async t => {
  t.equal(loadConfig({ HOST: 'localhost' }).host, '127.0.0.1')
  t.equal(loadConfig({ HOST: '::1' }).host, '::1')
})

t.test('the thinking settings take words, numbers and efforts', async t => {
  t.match(loadConfig({ THINKING: 'on', MAX_THINKING_TOKENS: '0' }), { thinking: 'on', maxThinkingTokens: 0 })
  t.equal(loadConfig({ THINKING: '512' }).thinking, 512)
  t.strictSame(loadConfig({ REASONING_EFFORT_TOKENS: 'low=5, high = 70' }).reasoningEffortTokens, {
    minimal: 256, low: 5, medium: 2048, high: 70, xhigh: 8192
  })
  for (const THINKING of ['0', 'yes', '-1']) {
    t.match(messageOf({ THINKING }), /THINKING must be off or on or an integer from 1 to 131072/)
  }
  for (const REASONING_EFFORT_TOKENS of ['low', 'low=', 'huge=5', 'low=-5', 'none=0', 'low=5;high=7']) {
    t.match(messageOf({ REASONING_EFFORT_TOKENS }), /^REASONING_EFFORT_TOKENS must be effort=tokens/)
  }
})
