/** The fields of an error that programs read. */
export interface Fault { error: string, code: string, request_id: string, field?: string }

/** The answers that a program got through its generated client. */
export interface Seen {
  answer: { response: string, images: Array<{ id: string }>, usage: { image_tokens: number } }
  /** The answer to a question about the same images, which the history names by their ids. */
  again: Seen['answer']
  /** The answer in the format of `FORMAT`. */
  formatted: string
  /** The data of all events of a stream. */
  events: unknown[]
  /** The answer over the OpenAI-compatible API. */
  completion: string
  /** The refusal of a temperature of 7. */
  invalid: Fault & { status: number }
}

/** A refusal because all slots are taken. */
export interface Refused { code: string, status: number, retryAfter: string | null }

/** A format that free text does not have. */
export const FORMAT = {
  type: 'json_schema' as const,
  json_schema: {
    name: 'size',
    schema: { type: 'object', properties: { size: { enum: ['S', 'M'] } }, required: ['size'] }
  }
}

type IsAny<T> = 0 extends 1 & T ? true : false

/** Returns the value. The compiler rejects a value of type `any`, which would make every other check of types pass. */
export function typed<T> (value: IsAny<T> extends true ? never : T): T {
  return value
}

/** Yields the data of server-sent events. */
export async function * readEvents<Event> (body: ReadableStream<Uint8Array>): AsyncGenerator<Event> {
  let text = ''
  const decoder = new TextDecoder()
  const reader = body.getReader()
  for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
    const blocks = (text + decoder.decode(chunk.value, { stream: true })).split('\n\n')
    text = blocks.pop()!
    for (const block of blocks) {
      const data = /^data: (.*)$/m.exec(block)?.[1]
      if (data !== undefined) yield JSON.parse(data) as Event
    }
  }
}
