import { post, readSse, readText, type Body } from '../lib/http.ts'
import { createRecorder, type AskOptions, type Measured, type Question, type Turn } from './contender.ts'

interface Chunk {
  choices: Array<{ delta?: { content?: string | null } }>
  usage?: { prompt_tokens: number, completion_tokens: number, prompt_tokens_details?: { cached_tokens: number } } | null
}

/** Asks a server through the OpenAI-compatible API, with a stream. */
export async function askOpenAi (
  url: string, question: Question, { onText, signal }: AskOptions = {}
): Promise<Measured> {
  const body = toBody(question)
  const recorder = createRecorder(onText)
  const response = await post(`${url}/v1/chat/completions`, body, signal)
  if (response.statusCode !== 200) throw new Error(`${response.statusCode} ${await readText(response)}`)
  let usage: Chunk['usage']
  for await (const { data, at } of readSse(response)) {
    if (data === '[DONE]') break
    const chunk = JSON.parse(data) as Chunk
    const content = chunk.choices[0]?.delta?.content
    if (content) recorder.add(content, at)
    usage = chunk.usage ?? usage
  }
  if (!usage) throw new Error('The stream ended without usage')
  return recorder.finish({
    promptTokens: usage.prompt_tokens,
    cachedTokens: usage.prompt_tokens_details?.cached_tokens ?? 0,
    completionTokens: usage.completion_tokens
  })
}

function toBody ({ system, turns, maxTokens }: Question): Body {
  const messages = [...system === undefined ? [] : [{ role: 'system', content: system }], ...turns.map(toMessage)]
  const bytes = Buffer.from(JSON.stringify({
    messages,
    max_tokens: maxTokens,
    temperature: 0,
    stream: true,
    stream_options: { include_usage: true },
    // Sightline's default. Templates without thoughts ignore it.
    chat_template_kwargs: { enable_thinking: false }
  }))
  return { type: 'application/json', bytes }
}

// Images come before the text, as in Sightline.
function toMessage ({ role, text, images: sent = [] }: Turn): { role: string, content: unknown } {
  if (sent.length === 0) return { role, content: text }
  const images = sent.map(({ type, data }) =>
    ({ type: 'image_url', image_url: { url: `data:${type};base64,${data.toString('base64')}` } }))
  return { role, content: [...images, { type: 'text', text }] }
}
