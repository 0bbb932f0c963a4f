import OpenAI, { APIError } from 'openai'
import type { ChatCompletionMessageParam } from 'openai/resources/chat/completions'
import t from 'tap'
import { createTestEngine, startService, type TestService } from '../../helper.ts'

export const engine = await createTestEngine(t)
export const service = await startService(t, {}, engine)
export const model = engine.info().model

const dataUri = (data: Buffer) => `data:image/png;base64,${data.toString('base64')}`

/** A part of a message: an image, from its bytes or its address. */
export const image = (data: Buffer | string) =>
  ({ type: 'image_url' as const, image_url: { url: typeof data === 'string' ? data : dataUri(data) } })

/** A part of a message: text. */
export const text = (text: string) => ({ type: 'text' as const, text })

/** The OpenAI SDK as a client of a service. */
export function sdk (to: TestService, options: object = {}): OpenAI {
  return new OpenAI({ baseURL: `${to.url}/v1`, apiKey: 'not-needed', maxRetries: 0, ...options })
}

export const client = sdk(service)

/** Requests a completion from the common service. */
export const complete = (messages: ChatCompletionMessageParam[], rest: object = {}) =>
  client.chat.completions.create({ model, messages, ...rest })

/** Resolves with the API error of a call. Throws if the call succeeds or fails otherwise. */
export async function failure (call: Promise<unknown>): Promise<APIError & { error: Record<string, unknown> }> {
  try {
    await call
  } catch (error) {
    if (error instanceof APIError) return error as never
    throw error
  }
  throw new Error('the call succeeded')
}
