/** Selects the traces to record and the collector that receives them. */
export interface TracesConfig {
  /** Base URL of the collector, without a trailing slash. */
  endpoint: string
  headers: Readonly<Record<string, string>>
  serviceName: string
  sampler: TracesSampler
  /** The share of traces that `traceidratio` samplers record, 0 to 1. */
  ratio: number
}

export const TRACES_SAMPLERS = [
  'always_on', 'always_off', 'traceidratio', 'parentbased_always_on', 'parentbased_always_off',
  'parentbased_traceidratio'
] as const
export type TracesSampler = typeof TRACES_SAMPLERS[number]

/** Amounts of thinking that have a name in the OpenAI API, without `none`. */
export const EFFORTS = ['minimal', 'low', 'medium', 'high', 'xhigh'] as const
export type Effort = typeof EFFORTS[number]

/** Thought tokens of each effort that `REASONING_EFFORT_TOKENS` does not name. */
const EFFORT_TOKENS: Readonly<Record<Effort, number>> =
  Object.freeze({ minimal: 256, low: 1024, medium: 2048, high: 4096, xhigh: 8192 })

/** An invalid setting. The message is one line for the operator. */
export class ConfigError extends Error {}

/** Maximum characters of an invalid value that a message quotes. */
const SHOWN_CHARACTERS = 80

/** Makes the error for an invalid value. JSON quoting keeps a value with line breaks on one line. */
export function wrong (name: string, allowed: string, value: string): ConfigError {
  return new ConfigError(`${name} must be ${allowed}, got ${JSON.stringify(value.slice(0, SHOWN_CHARACTERS))}`)
}

/** Splits a setting that is a list separated by commas. */
export function listOf (value: string): readonly string[] {
  return Object.freeze(value.split(',').map(entry => entry.trim()).filter(Boolean))
}

/**
 * Returns the base URLs of `ENGINE_URL`, each with a trailing slash.
 * @param needed whether at least one is required
 */
export function readEngineUrls (value: string, needed: boolean): readonly string[] {
  const urls = listOf(value).map(entry => {
    const url = URL.canParse(entry) ? new URL(entry) : null
    if (url === null || !/^https?:$/.test(url.protocol) || url.search !== '' || url.hash !== '') {
      throw wrong(
        'ENGINE_URL', 'http or https URLs separated by commas, such as http://gpu-1:8000/v1', withoutPassword(entry)
      )
    }
    if (url.username !== '' || url.password !== '') {
      throw new ConfigError('ENGINE_URL must not contain a user name or password: use ENGINE_API_KEY')
    }
    // The usual path of these servers. Proxies may use another one.
    if (url.pathname === '/') url.pathname = '/v1'
    return url.href.replace(/\/*$/, '/')
  })
  if (needed && urls.length === 0) throw new ConfigError('ENGINE=openai needs ENGINE_URL: set it, for example to http://gpu-1:8000/v1')
  const twice = urls.find((url, index) => urls.indexOf(url) !== index)
  if (twice !== undefined) throw new ConfigError(`ENGINE_URL lists ${twice} twice: remove one`)
  return Object.freeze(urls)
}

const withoutPassword = (url: string) => url.replace(/\/\/[^/]*@/, '//')

/** Reads `effort=tokens` pairs separated by commas. */
export function readEffortTokens (value: string): Readonly<Record<Effort, number>> {
  const given = listOf(value).map(entry => {
    const [, effort, tokens] = /^(\w+)\s*=\s*(\d{1,6})$/.exec(entry) ?? []
    if (tokens === undefined || !EFFORTS.some(known => known === effort)) {
      throw wrong(
        'REASONING_EFFORT_TOKENS', `effort=tokens separated by commas, with the efforts ${EFFORTS.join(', ')}`, value
      )
    }
    return [effort, Number(tokens)]
  })
  return Object.freeze({ ...EFFORT_TOKENS, ...Object.fromEntries(given) })
}

export function readEngineKey (value: string): string {
  // The message does not contain the key, because it is logged.
  if (!/^[!-~]*$/.test(value)) {
    throw new ConfigError('ENGINE_API_KEY must consist of printable ASCII characters, without blanks')
  }
  return value
}

/** Returns null if `endpoint` is empty, which means that no traces are recorded. */
export function readTraces (
  endpoint: string, headers: string, rest: Pick<TracesConfig, 'serviceName' | 'sampler' | 'ratio'>
): Readonly<TracesConfig> | null {
  const read = readTraceHeaders(headers)
  if (endpoint === '') return null
  const url = URL.canParse(endpoint) ? new URL(endpoint) : null
  if (url === null || !/^https?:$/.test(url.protocol) || url.search !== '' || url.hash !== '') {
    throw wrong(
      'OTEL_EXPORTER_OTLP_ENDPOINT', 'an http or https URL, such as http://localhost:4318', withoutPassword(endpoint)
    )
  }
  if (url.username !== '' || url.password !== '') {
    throw new ConfigError(
      'OTEL_EXPORTER_OTLP_ENDPOINT must not contain a user name or password: use OTEL_EXPORTER_OTLP_HEADERS'
    )
  }
  return Object.freeze({ endpoint: url.href.replace(/\/*$/, ''), headers: read, ...rest })
}

/** Reads `name=value` pairs separated by commas, values percent-encoded, as OpenTelemetry specifies. */
function readTraceHeaders (value: string): Readonly<Record<string, string>> {
  const pairs = listOf(value).map((entry, index) => {
    const [, name = '', text = ''] = /^([\w!#$%&'*+.^`|~-]+)\s*=\s*(.*)$/.exec(entry) ?? []
    const decoded = decodeOrNull(text)
    // The message does not contain the value, because it is logged and the value may be a key.
    if (name === '' || decoded === null || !/^[ -~]*$/.test(decoded)) {
      throw new ConfigError(
        `OTEL_EXPORTER_OTLP_HEADERS: entry ${index + 1} must be name=value with a percent-encoded value`
      )
    }
    return [name, decoded]
  })
  return Object.freeze(Object.fromEntries(pairs))
}

function decodeOrNull (text: string): string | null {
  try {
    return decodeURIComponent(text)
  } catch {
    return null
  }
}
