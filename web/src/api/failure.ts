import type { ErrorBody } from './types.ts'

/** Why a question has no complete answer. It is plain data because it is stored with the turn. */
export interface Failure {
  /** The error code of the service, or `NETWORK` when the service was unreachable or the connection broke. */
  code: string
  /** A message for people; empty when only the code is known. */
  sentence: string
  /** The HTTP status; 0 when there was no response. */
  status: number
  /** Index of the faulty image among the images that were sent. The name is part of stored data. */
  picture: number | null
  requestId: string | null
  /** When to retry; null when the service does not say. */
  retryAfterSeconds: number | null
  /** The ids of the images to send again, with IMAGE_EXPIRED. */
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

/**
 * Reads an error response.
 * @param body any text: a proxy in front of the service may answer with its own page
 */
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
