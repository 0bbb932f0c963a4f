import type { ErrorBody } from './types.ts'

/** Why there is no answer. Plain data: it is kept with the turn. */
export interface Failure {
  /** The service's own code, or `NETWORK`: it could not be reached, or the connection broke. */
  code: string
  /** For a person; empty where only the code is known. */
  sentence: string
  /** 0 where there was no answer. */
  status: number
  /** The picture at fault, counted among those that were sent. */
  picture: number | null
  requestId: string | null
  /** When to try again; null where the service does not say. */
  retryAfterSeconds: number | null
  /** IMAGE_EXPIRED: the pictures to be sent again. */
  ids: string[]
}

export class AskError extends Error {
  readonly failure: Failure

  constructor (failure: Failure) {
    super(failure.sentence || failure.code)
    this.failure = failure
  }
}

export const NETWORK = 'NETWORK'

export function networkFailure (): Failure {
  return { code: NETWORK, sentence: '', status: 0, picture: null, requestId: null, retryAfterSeconds: null, ids: [] }
}

/** @param body what came, whatever it is: between us and the service there may be a proxy with pages of its own */
export function failureOf (status: number, body: string, retryAfter: string | null): Failure {
  const seconds = Number(retryAfter ?? NaN)
  return fromBody(status, parse(body), Number.isFinite(seconds) && seconds >= 0 ? seconds : null)
}

export function failureOfEvent (body: ErrorBody): Failure {
  return fromBody(200, body, null)
}

function fromBody (status: number, body: Partial<ErrorBody>, retryAfterSeconds: number | null): Failure {
  return {
    code: body.code ?? `HTTP_${status}`,
    sentence: body.error ?? '',
    status,
    picture: typeof body.image === 'number' ? body.image : null,
    requestId: body.request_id ?? null,
    retryAfterSeconds,
    ids: Array.isArray(body.ids) ? body.ids : []
  }
}

function parse (body: string): Partial<ErrorBody> {
  try {
    const value = JSON.parse(body)
    return typeof value === 'object' && value !== null ? value : {}
  } catch {
    return {}
  }
}
