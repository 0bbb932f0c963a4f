import { setBase } from './orval-fetch.ts'
import { chat, chatStream, createChatCompletion, type ChatEvent } from './orval-client/client.ts'
import { FORMAT, typed, type Refused, type Seen } from './seen.ts'

export async function use (baseUrl: string, one: Blob, two: Blob): Promise<Seen> {
  setBase(baseUrl)
  const images = [one, two]
  const first = await chat({ message: 'Describe the images.', images, temperature: 0 })
  if (first.status !== 200) throw new Error(first.data.error)
  const answer = first.data
  const again = await chat({
    message: 'What is in picture 2?',
    history: [
      { role: 'user', content: 'Describe the images.', images: answer.images.map(image => image.id) },
      { role: 'assistant', content: answer.response }
    ]
  })
  if (again.status !== 200) throw new Error(again.data.error)
  const formatted = await chat({ message: 'Which size?', response_format: FORMAT, max_tokens: 20 })
  if (formatted.status !== 200) throw new Error(formatted.data.error)
  const events: ChatEvent[] = []
  const streamed = await chatStream({ message: 'Describe the images.', images })
  if (streamed.status !== 200) throw new Error(streamed.data.error)
  for await (const event of streamed.data as unknown as AsyncIterable<ChatEvent>) events.push(typed(event))
  const completion = await createChatCompletion({
    model: answer.model, messages: [{ role: 'user', content: 'Hi' }]
  })
  if (completion.status !== 200 || !('choices' in completion.data)) throw new Error('no completion')
  const [choice] = completion.data.choices
  const invalid = await chat({ message: 'Hi', temperature: 7 })
  if (invalid.status !== 400) throw new Error('a temperature of 7 is accepted')
  return {
    answer: typed(answer),
    again: again.data,
    formatted: formatted.data.response,
    events,
    completion: 'message' in choice! ? choice.message.content! : '',
    invalid: { ...typed(invalid.data), status: invalid.status }
  }
}

export async function refused (): Promise<Refused> {
  const { status, data, headers } = await chat({ message: 'Hi' })
  if (status !== 429) throw new Error(`429 is expected, not ${status}`)
  return { code: typed(data).code, status, retryAfter: headers.get('retry-after') }
}
