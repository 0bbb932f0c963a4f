import { client } from './hey-api-client/client.gen.ts'
import { chat, chatStream, createChatCompletion } from './hey-api-client/sdk.gen.ts'
import { FORMAT, typed, type Refused, type Seen } from './seen.ts'

export async function use (baseUrl: string, one: Blob, two: Blob): Promise<Seen> {
  client.setConfig({ baseUrl })
  const images = [one, two]
  const { data: answer } = await chat({
    body: { message: 'Describe the images.', images, temperature: 0 }, throwOnError: true
  })
  const { data: again } = await chat({
    body: {
      message: 'What is in picture 2?',
      history: [
        { role: 'user', content: 'Describe the images.', images: answer.images.map(image => image.id) },
        { role: 'assistant', content: answer.response }
      ]
    },
    throwOnError: true
  })
  const { data: formatted } = await chat({
    body: { message: 'Which size?', response_format: FORMAT, max_tokens: 20 }, throwOnError: true
  })
  const events: unknown[] = []
  const { stream } = await chatStream({ body: { message: 'Describe the images.', images } })
  for await (const event of stream) events.push(typed(event))
  const { data: completion } = await createChatCompletion({
    body: { model: answer.model, messages: [{ role: 'user', content: 'Hi' }] }, throwOnError: true
  })
  const invalid = await chat({ body: { message: 'Hi', temperature: 7 } })
  return {
    answer: typed(answer),
    again,
    formatted: formatted.response,
    events,
    completion: completion.choices[0]!.message.content!,
    invalid: { ...typed(invalid.error!), status: invalid.response!.status }
  }
}

export async function refused (): Promise<Refused> {
  const { error, response } = await chat({ body: { message: 'Hi' } })
  return { code: typed(error!).code, status: response!.status, retryAfter: response!.headers.get('retry-after') }
}
