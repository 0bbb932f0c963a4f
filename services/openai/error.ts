import type { SightlineError } from '../../errors/catalogue.ts'

/** An error for clients of the OpenAI API. `code` and all fields after the first four are Sightline's own. */
export interface OpenAiErrorBody {
  error: {
    message: string
    type: string
    param: string | null
    code: string
    request_id: string
  } & Record<string, unknown>
}

/** Errors about images of the whole conversation. */
const IN_MESSAGES = new Set(['IMAGE_EXPIRED', 'TOO_MANY_IMAGES', 'TOO_MANY_COPIES'])

/** @param sentence the sentence of the error, in the language of the client */
export function toOpenAiError (error: SightlineError, sentence: string, requestId: string): OpenAiErrorBody {
  const { field, ...details } = error.details
  return {
    error: {
      message: sentence,
      type: typeOf(error.statusCode),
      param: typeof field === 'string' ? field : IN_MESSAGES.has(error.code) ? 'messages' : null,
      code: error.code,
      request_id: requestId,
      ...details
    }
  }
}

function typeOf (statusCode: number): string {
  if (statusCode === 401) return 'authentication_error'
  if (statusCode === 429) return 'rate_limit_error'
  return statusCode >= 500 ? 'server_error' : 'invalid_request_error'
}
