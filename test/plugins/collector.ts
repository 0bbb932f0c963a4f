import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import type { Test } from 'tap'

/** A span as in OTLP's JSON, with its attributes as an object. */
export interface CollectedSpan {
  name: string
  kind: number
  traceId: string
  spanId: string
  parentSpanId?: string
  startTimeUnixNano: string
  endTimeUnixNano: string
  /** The code 2 is an error. */
  status: { code?: number, message?: string }
  events: unknown[]
  attributes: Record<string, unknown>
}

export interface Collector {
  /** Base address of its OTLP interface. */
  url: string
  spans: CollectedSpan[]
  headers: IncomingHttpHeaders[]
  /** All received traces, as text. */
  text (): string
  /** Attributes of the resource. */
  resource (): Record<string, unknown>
}

/** An attribute's value: exactly one of these is set. */
interface Value {
  stringValue?: string
  intValue?: number
  doubleValue?: number
  boolValue?: boolean
  arrayValue?: { values: Value[] }
}
interface Attribute { key: string, value: Value }

/** The part of an exporter's request that the tests read. */
interface Batch {
  resourceSpans: Array<{
    resource: { attributes: Attribute[] }
    scopeSpans: Array<{
      spans: Array<Omit<CollectedSpan, 'attributes' | 'events'> & { attributes?: Attribute[], events?: unknown[] }>
    }>
  }>
}

/** Starts a collector that receives OTLP over a real socket and stores it. */
export async function startCollector (t: Test): Promise<Collector> {
  const bodies: Batch[] = []
  const spans: CollectedSpan[] = []
  const headers: IncomingHttpHeaders[] = []
  let resource = {}
  const server = createServer(async (request, response) => {
    const body = await json(request) as Batch
    headers.push(request.headers)
    if (request.url === '/v1/traces') bodies.push(body)
    for (const one of body.resourceSpans) {
      resource = toRecord(one.resource.attributes)
      for (const { spans: some } of one.scopeSpans) {
        for (const span of some) spans.push({ events: [], ...span, attributes: toRecord(span.attributes) })
      }
    }
    response.setHeader('content-type', 'application/json')
    response.end('{}')
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    headers,
    text: () => JSON.stringify(bodies),
    resource: () => resource
  }
}

function toRecord (attributes: Attribute[] = []): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, plainValue(value)]))
}

function plainValue ({ stringValue, intValue, doubleValue, boolValue, arrayValue }: Value): unknown {
  return stringValue ?? intValue ?? doubleValue ?? boolValue ?? arrayValue?.values.map(plainValue)
}

/** The names of a span's children, in the order in which they began. */
export function treeOf (spans: CollectedSpan[], { spanId }: CollectedSpan): string[] {
  return spans
    .filter(span => span.parentSpanId === spanId)
    .sort((a, b) => a.startTimeUnixNano < b.startTimeUnixNano ? -1 : 1)
    .map(span => span.name)
}
