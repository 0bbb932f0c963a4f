import type { ChatObserver, Stage } from '../chat/observer.ts'

/** Sends traces of requests to a collector. A collector that is down does not delay requests or cause errors. */
export interface Traces extends Pick<ChatObserver, 'onAnswer'>, Required<Pick<ChatObserver, 'onStage'>> {
  /** Starts the span of a request. The caller ends it once. */
  begin (request: TracedRequest): RequestTrace
  /** Sends the remaining spans, for at most some seconds. */
  close (): Promise<void>
}

export interface TracedRequest {
  id: string
  method: string
  /** The pattern of the route, such as `/api/chat`. */
  route: string
  /** Headers of a trusted sender, which may name the parent trace and decide whether it is recorded. */
  headers?: Readonly<Record<string, unknown>>
}

export interface RequestTrace {
  /** 32 hexadecimal digits. */
  readonly id: string
  /** W3C Trace Context for upstreams that process the request. */
  readonly headers: TraceHeaders
  /** Records a stage. Times are milliseconds on the clock of `performance.now()`. */
  stage (stage: Stage, startedAt: number, endedAt: number, isCutOff?: boolean): void
  /** @param code error code of `errors/catalogue.ts` */
  fail (code: string, statusCode: number): void
  /** @param statusCode null if no response was sent */
  end (statusCode: number | null): void
}

/** `traceparent`, and `tracestate` if there is one. */
export type TraceHeaders = Readonly<Record<string, string>>
