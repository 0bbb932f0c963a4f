import t from 'tap'
import { loadConfig } from '../../config/config.ts'
import { messageOf } from './message-of.ts'

t.test('accepts base URLs of upstreams, and requires one with ENGINE=openai', async t => {
  const urlsOf = (ENGINE_URL: string) => loadConfig({ ENGINE: 'openai', ENGINE_URL }).engineUrls
  t.strictSame(urlsOf('http://gpu-1:8000, https://gpu-2/v1/,http://[::1]:80/llm/v1'), [
    'http://gpu-1:8000/v1/', 'https://gpu-2/v1/', 'http://[::1]/llm/v1/'
  ])
  t.match(messageOf({ ENGINE: 'openai' }), /^ENGINE=openai needs ENGINE_URL/)
  t.equal(messageOf({ ENGINE_URL: 'http://gpu-1:8000/v1' }), 'accepted')
  for (const value of ['gpu-1:8000', 'ftp://gpu-1', 'http://', 'http://gpu-1/v1?x=1']) {
    t.match(messageOf({ ENGINE_URL: value }), /^ENGINE_URL must be http or https URLs/, value)
  }
  t.match(messageOf({ ENGINE_URL: 'http://a/v1,http://a' }), /^ENGINE_URL lists http:\/\/a\/v1\/ twice/)
  for (const value of ['http://me:secret@gpu-1', 'ftp://me:secret@gpu-1']) {
    t.notMatch(messageOf({ ENGINE_URL: value }), /secret|accepted/)
  }
  t.notMatch(messageOf({ ENGINE_API_KEY: 'secret secret' }), /secret|accepted/)
  t.equal(loadConfig({ ENGINE_API_KEY: 'EMPTY' }).engineApiKey, 'EMPTY')
})

t.test('refuses automatic slots with ENGINE=openai', async t => {
  t.equal(loadConfig({ MAX_CONCURRENT_REQUESTS: 'auto' }).maxConcurrentRequests, 'auto')
  t.match(
    messageOf({ MAX_CONCURRENT_REQUESTS: 'auto', ENGINE: 'openai', ENGINE_URL: 'http://gpu-1:8000/v1' }),
    /^MAX_CONCURRENT_REQUESTS=auto needs ENGINE=local/
  )
})

t.test('records traces when a collector is set', async t => {
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
