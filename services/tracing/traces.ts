import type { ChatObserver, Stage } from '../chat/observer.ts'

/** Tells a collector where the time of requests goes. It may be away: nothing here waits for it or throws. */
export interface Traces extends Pick<ChatObserver, 'onAnswer'>, Required<Pick<ChatObserver, 'onStage'>> {
  /** Begins the span of a request. Each that is begun is ended, once. */
  begin (request: TracedRequest): RequestTrace
  /** Sends what is left, for at most some seconds. */
  close (): Promise<void>
}

export interface TracedRequest {
  id: string
  method: string
  /** The route's pattern, such as `/api/chat`. */
  route: string
  /** Headers of a sender who may say which trace the request belongs to, and whether it is recorded. */
  headers?: Readonly<Record<string, unknown>>
}

export interface RequestTrace {
  /** 32 hex digits. */
  readonly id: string
  /** W3C Trace Context, for whoever works on the request elsewhere. */
  readonly headers: TraceHeaders
  /** A stage that the service itself knows of; times in milliseconds on the clock of `performance.now()`. */
  stage (stage: Stage, startedAt: number, endedAt: number, isCutOff?: boolean): void
  /** @param code of `errors/catalogue.ts` */
  fail (code: string, statusCode: number): void
  /** @param statusCode null: there was no answer */
  end (statusCode: number | null): void
}

/** `traceparent`, and `tracestate` where there is one. */
export type TraceHeaders = Readonly<Record<string, string>>
