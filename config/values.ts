/** Where traces go, and which. */
export interface TracesConfig {
  /** Base of the collector's OTLP interface, without a slash at its end. */
  endpoint: string
  headers: Readonly<Record<string, string>>
  serviceName: string
  sampler: TracesSampler
  /** Of the samplers that take one: the share of traces that is recorded, 0 to 1. */
  ratio: number
}

export const TRACES_SAMPLERS = [
  'always_on', 'always_off', 'traceidratio', 'parentbased_always_on', 'parentbased_always_off',
  'parentbased_traceidratio'
] as const
export type TracesSampler = typeof TRACES_SAMPLERS[number]

/** A wrong setting; the message is one line for the operator. */
export class ConfigError extends Error {}

/** How much of a wrong value is told. */
const SHOWN_CHARACTERS = 80

// Quoted as JSON so that a line break in the value stays on the one line.
export function wrong (name: string, allowed: string, value: string): ConfigError {
  return new ConfigError(`${name} must be ${allowed}, got ${JSON.stringify(value.slice(0, SHOWN_CHARACTERS))}`)
}

/** The entries of a setting that is a list with commas. */
export function listOf (value: string): readonly string[] {
  return Object.freeze(value.split(',').map(entry => entry.trim()).filter(Boolean))
}

/**
 * Bases of the interfaces of `ENGINE_URL`, each with a slash at its end.
 * @param needed there has to be one
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
      throw new ConfigError('ENGINE_URL must have no user name or password in it: set ENGINE_API_KEY')
    }
    // Where these servers' interface begins, unless a proxy has it elsewhere.
    if (url.pathname === '/') url.pathname = '/v1'
    return url.href.replace(/\/*$/, '/')
  })
  if (needed && urls.length === 0) throw new ConfigError('ENGINE=openai needs ENGINE_URL, such as http://gpu-1:8000/v1')
  const twice = urls.find((url, index) => urls.indexOf(url) !== index)
  if (twice !== undefined) throw new ConfigError(`ENGINE_URL names ${twice} twice`)
  return Object.freeze(urls)
}

const withoutPassword = (url: string) => url.replace(/\/\/[^/]*@/, '//')

export function readEngineKey (value: string): string {
  // The key itself is not told: the line goes to logs.
  if (!/^[!-~]*$/.test(value)) {
    throw new ConfigError('ENGINE_API_KEY must be printable ASCII characters, without blanks')
  }
  return value
}

/** @returns null when `endpoint` is empty: no traces are wanted */
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
      'OTEL_EXPORTER_OTLP_ENDPOINT must have no user name or password in it: set OTEL_EXPORTER_OTLP_HEADERS'
    )
  }
  return Object.freeze({ endpoint: url.href.replace(/\/*$/, ''), headers: read, ...rest })
}

/** `name=value` pairs with commas, values percent-encoded, as OpenTelemetry's specification has it. */
function readTraceHeaders (value: string): Readonly<Record<string, string>> {
  const pairs = listOf(value).map((entry, index) => {
    const [, name = '', text = ''] = /^([\w!#$%&'*+.^`|~-]+)\s*=\s*(.*)$/.exec(entry) ?? []
    const decoded = decodeOrNull(text)
    // What it says is not told: it may be a key, and the line goes to logs.
    if (name === '' || decoded === null || !/^[ -~]*$/.test(decoded)) {
      throw new ConfigError(
      `OTEL_EXPORTER_OTLP_HEADERS: entry ${index + 1} must be name=value, the value percent-encoded`
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
