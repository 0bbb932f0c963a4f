import createClient, { type Client } from 'openapi-fetch'
import type { components, paths } from './openapi-fetch-client/schema.ts'
import { FORMAT, readEvents, typed, type Refused, type Seen } from './seen.ts'

type ChatEvent = components['schemas']['ChatEvent']

let client: Client<paths>

/** Writes a form: a repeated field for each item of a list, and objects as JSON. */
function bodySerializer (body: object): FormData {
  const form = new FormData()
  for (const [name, value] of Object.entries(body)) {
    for (const item of [value].flat()) {
      form.append(name, item instanceof Blob ? item : typeof item === 'object' ? JSON.stringify(item) : String(item))
    }
  }
  return form
}

export async function use (baseUrl: string, one: Blob, two: Blob): Promise<Seen> {
  client = createClient<paths>({ baseUrl })
  // The type of files is string, unless a transform of openapi-typescript changes it.
  const images = [one, two] as unknown as string[]
  const { data: answer } = await client.POST('/api/chat', {
    body: { message: 'Describe the images.', images, temperature: 0 }, bodySerializer
  })
  const again = await client.POST('/api/chat', {
    body: {
      message: 'What is in picture 2?',
      history: [
        { role: 'user', content: 'Describe the images.', images: answer!.images.map(image => image.id) },
        { role: 'assistant', content: answer!.response }
      ]
    },
    bodySerializer
  })
  const formatted = await client.POST('/api/chat', {
    body: { message: 'Which size?', response_format: FORMAT, max_tokens: 20 }, bodySerializer
  })
  const events: ChatEvent[] = []
  const { data: stream } = await client.POST('/api/chat_stream', {
    body: { message: 'Describe the images.', images }, bodySerializer, parseAs: 'stream'
  })
  for await (const event of readEvents<ChatEvent>(stream!)) events.push(event)
  const completion = await client.POST('/v1/chat/completions', {
    body: { model: answer!.model, messages: [{ role: 'user', content: 'Hi' }] }
  })
  const [choice] = completion.data!.choices
  const invalid = await client.POST('/api/chat', { body: { message: 'Hi', temperature: 7 }, bodySerializer })
  return {
    answer: typed(answer!),
    again: again.data!,
    formatted: formatted.data!.response,
    events,
    completion: 'message' in choice! ? choice.message.content! : '',
    invalid: { ...typed(invalid.error!), status: invalid.response.status }
  }
}

export async function refused (): Promise<Refused> {
  const { error, response } = await client.POST('/api/chat', { body: { message: 'Hi' }, bodySerializer })
  return { code: typed(error!).code, status: response.status, retryAfter: response.headers.get('retry-after') }
}
