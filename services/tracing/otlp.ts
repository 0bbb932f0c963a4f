import {
  ROOT_CONTEXT, SpanKind, SpanStatusCode, defaultTextMapGetter, defaultTextMapSetter, trace as api, type Context,
  type Span
} from '@opentelemetry/api'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { resourceFromAttributes } from '@opentelemetry/resources'
import {
  AlwaysOffSampler, AlwaysOnSampler, BatchSpanProcessor, ParentBasedSampler, TracerProvider, TraceIdRatioBasedSampler,
  type Sampler, type SpanExporter
} from '@opentelemetry/sdk-trace'
import type { TracesConfig } from '../../config/values.ts'
import type { ChatDone } from '../../schemas/chat.ts'
import type { Stage } from '../chat/observer.ts'
import type { Log } from '../log.ts'
import type { RequestTrace, TracedRequest, Traces } from './traces.ts'

export interface OtlpTracesOptions extends TracesConfig {
  version: string
  log: Log
  /** Milliseconds between two batches. */
  batchDelayMs?: number
}

const BATCH_DELAY_MS = 5_000
const EXPORT_TIMEOUT_MS = 10_000
/** The longest time that a silent collector delays the end of the service. */
const CLOSE_TIMEOUT_MS = 3_000
/** Spans that may wait for the collector. Further spans are dropped. */
const MAX_WAITING = 2048

interface Current {
  span: Span
  context: Context
  /** Offset from `performance.now()` to milliseconds since 1970, fixed per request so that its spans align. */
  originMs: number
}

/**
 * Creates traces with the OpenTelemetry SDK, sent as OTLP over HTTP in JSON. Only this module imports the SDK, and it
 * is loaded only if traces are enabled. Nothing is registered globally. Attribute names follow the semantic conventions
 * 1.40 or begin with `sightline.`.
 */
export function createTraces (
  { endpoint, headers, serviceName, sampler, ratio, version, log, batchDelayMs = BATCH_DELAY_MS }: OtlpTracesOptions
): Traces {
  const exporter =
    new OTLPTraceExporter({ url: `${endpoint}/v1/traces`, headers: { ...headers }, timeoutMillis: EXPORT_TIMEOUT_MS })
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ 'service.name': serviceName, 'service.version': version }),
    sampler: toSampler(sampler, ratio),
    spanProcessors: [new BatchSpanProcessor({
      exporter: reporting(exporter, log), scheduledDelayMillis: batchDelayMs, maxQueueSize: MAX_WAITING
    })]
  })
  const tracer = provider.getTracer('sightline', version)
  const propagator = new W3CTraceContextPropagator()
  const current = new Map<string, Current>()

  function addStage (
    { context, originMs }: Current, stage: Stage, startedAt: number, endedAt: number, isCutOff = false
  ): void {
    const span = tracer.startSpan(stage, { startTime: originMs + startedAt }, context)
    if (isCutOff) span.setStatus({ code: SpanStatusCode.ERROR })
    span.end(originMs + Math.max(startedAt, endedAt))
  }

  function begin ({ id, method, route, headers = {} }: TracedRequest): RequestTrace {
    const parent = propagator.extract(ROOT_CONTEXT, headers, defaultTextMapGetter)
    const originMs = Date.now() - performance.now()
    const attributes = {
      'http.request.method': method,
      'http.route': route,
      'url.path': route,
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'sightline',
      'sightline.request_id': id
    }
    const span = tracer.startSpan(
      `${method} ${route}`, { kind: SpanKind.SERVER, startTime: originMs + performance.now(), attributes }, parent
    )
    const one: Current = { span, context: api.setSpan(parent, span), originMs }
    const carrier: Record<string, string> = {}
    propagator.inject(one.context, carrier, defaultTextMapSetter)
    current.set(id, one)
    return {
      id: span.spanContext().traceId,
      headers: carrier,
      stage: (stage, startedAt, endedAt, isCutOff) => addStage(one, stage, startedAt, endedAt, isCutOff),
      fail (code, statusCode) {
        span.setAttribute('error.type', code)
        // By the conventions, an error of the client is not an error of a server span.
        if (statusCode >= 500) span.setStatus({ code: SpanStatusCode.ERROR })
      },
      end (statusCode) {
        if (statusCode !== null) span.setAttribute('http.response.status_code', statusCode)
        span.end(originMs + performance.now())
        current.delete(id)
      }
    }
  }

  return {
    begin,
    onStage (id, stage, startedAt, endedAt, isCutOff) {
      const one = current.get(id)
      if (one) addStage(one, stage, startedAt, endedAt, isCutOff)
    },
    onAnswer (done) {
      current.get(done.request_id)?.span.setAttributes(attributesOf(done))
    },
    async close () {
      const timeout = new Promise<void>(resolve => setTimeout(resolve, CLOSE_TIMEOUT_MS).unref())
      await Promise.race([provider.shutdown().catch(() => {}), timeout])
    }
  }
}

/** Returns figures only, no text of a question or answer. */
function attributesOf ({ model, finish_reason: reason, usage, images }: ChatDone) {
  return {
    'gen_ai.response.model': model,
    'gen_ai.response.finish_reasons': [reason],
    'gen_ai.usage.input_tokens': usage.prompt_tokens,
    'gen_ai.usage.output_tokens': usage.thinking_tokens + usage.completion_tokens,
    'sightline.usage.thinking_tokens': usage.thinking_tokens,
    'gen_ai.usage.cache_read.input_tokens': usage.cached_tokens,
    'sightline.usage.image_tokens': usage.image_tokens,
    'sightline.images': images.length
  }
}

function toSampler (name: TracesConfig['sampler'], ratio: number): Sampler {
  const root = name.endsWith('traceidratio')
    ? new TraceIdRatioBasedSampler(ratio)
    : name.endsWith('always_off') ? new AlwaysOffSampler() : new AlwaysOnSampler()
  return name.startsWith('parentbased_') ? new ParentBasedSampler({ root }) : root
}

/** Wraps an exporter so that the log reports when it starts to fail and when it works again. */
function reporting (exporter: SpanExporter, log: Log): SpanExporter {
  let failing = false
  return {
    export (spans, done) {
      exporter.export(spans, result => {
        const failed = result.code !== 0
        // The message is not logged, because it may contain anything.
        if (failed && !failing) log.warn({ reason: reasonOf(result.error) }, 'trace export failing')
        if (!failed && failing) log.info({}, 'trace export working again')
        failing = failed
        done(result)
      })
    },
    shutdown: () => exporter.shutdown(),
    forceFlush: async () => await exporter.forceFlush?.()
  }
}

function reasonOf (error: Error & { code?: unknown } | undefined): string {
  return String(error?.code ?? error?.name ?? 'unknown')
}
