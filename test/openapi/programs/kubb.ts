import fetchClient, { type RequestConfig, type ResponseConfig } from '@kubb/plugin-client/clients/fetch'
import { chat, chatStream, createChatCompletion } from './kubb-client/clients/index.ts'
import type { Chat429, Chat400, ChatEvent } from './kubb-client/types/index.ts'
import { FORMAT, readEvents, typed, type Refused, type Seen } from './seen.ts'

/** An answer other than 2xx. Kubb's own client for fetch returns it as if it were a success. */
class Failure<Body> extends Error {
  constructor (readonly status: number, readonly headers: Headers, readonly body: Body) {
    super(`${status}`)
  }
}

async function client<Answer, Fault = unknown, Body = unknown> (
  config: RequestConfig<Body>
): Promise<ResponseConfig<Answer>> {
  const response = await fetchClient<Answer, Fault, Body>(config)
  if (response.status < 400) return response
  throw new Failure(response.status, response.headers, response.data as unknown as Fault)
}

async function streamClient<Answer> (config: RequestConfig<unknown>): Promise<ResponseConfig<Answer>> {
  const { baseURL, url, method, data } = { ...fetchClient.getConfig(), ...config }
  const { body, status, statusText, headers } = await fetch(`${baseURL}${url}`, { method, body: data as FormData })
  return { data: readEvents(body!) as Answer, status, statusText, headers }
}

export async function use (baseUrl: string, one: Blob, two: Blob): Promise<Seen> {
  fetchClient.setConfig({ baseURL: baseUrl })
  const images = [one, two]
  const answer = await chat({ message: 'Describe the images.', images, temperature: 0 }, { client })
  const again = await chat({
    message: 'What is in picture 2?',
    history: [
      { role: 'user', content: 'Describe the images.', images: answer.images.map(image => image.id) },
      { role: 'assistant', content: answer.response }
    ]
  }, { client })
  const formatted = await chat({ message: 'Which size?', response_format: FORMAT, max_tokens: 20 }, { client })
  const events: ChatEvent[] = []
  const stream = await chatStream({ message: 'Describe the images.', images }, { client: streamClient })
  for await (const event of stream as unknown as AsyncIterable<ChatEvent>) events.push(typed(event))
  const completion = await createChatCompletion(
    { model: answer.model, messages: [{ role: 'user', content: 'Hi' }] },
    { client, headers: { 'content-type': 'application/json' } }
  )
  if (!('choices' in completion)) throw new Error('no completion')
  const [choice] = completion.choices
  const invalid = await failure<Chat400>(chat({ message: 'Hi', temperature: 7 }, { client }))
  return {
    answer: typed(answer),
    again,
    formatted: formatted.response,
    events,
    completion: 'message' in choice! ? choice.message.content! : '',
    invalid: { ...typed(invalid.body), status: invalid.status }
  }
}

export async function refused (): Promise<Refused> {
  const { body, status, headers } = await failure<Chat429>(chat({ message: 'Hi' }, { client }))
  return { code: typed(body).code, status, retryAfter: headers.get('retry-after') }
}

async function failure<Body> (answer: Promise<unknown>): Promise<Failure<Body>> {
  return await answer.then(() => { throw new Error('no failure') }, error => {
    if (error instanceof Failure) return error as Failure<Body>
    throw error
  })
}
