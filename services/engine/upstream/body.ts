import { randomBytes } from 'node:crypto'
import type { GenerateRequest, Sampling } from '../engine.ts'
import { toMessages, toToolChoice, toTools } from './messages.ts'
import type { UpstreamImage } from './prepared-images.ts'

/** The body of a request in pieces, so that megabytes of images never form one string. */
export interface RequestBody {
  /** Bytes. */
  length: number
  pieces (): Iterable<Buffer>
}

/**
 * Creates the body of a request for the OpenAI-compatible API. Fields that the OpenAI API does not have (`top_k`,
 * `min_p`, and the repetition penalty under both of its names) are present only if the client set them.
 * @param images the images of the request, by index
 * @param maxTokens limit of thoughts and answer, which fits the upstream's context
 * @param thinking the result of `thinkingFields`
 */
export function createBody (
  request: GenerateRequest, images: UpstreamImage[], model: string, maxTokens: number,
  { continuous_usage_stats: continuous, ...thinking }: Record<string, unknown>
): RequestBody {
  const { turns, tools, callOneOf, singleCall, format, stop, sampling } = request
  // The mark is random for each request, so a client cannot send it.
  const mark = randomBytes(16).toString('hex')
  const json = JSON.stringify({
    model,
    messages: toMessages(turns, image => `${mark}${image};`),
    stream: true,
    stream_options: { include_usage: true, continuous_usage_stats: continuous },
    max_tokens: maxTokens,
    ...thinking,
    ...stop.length > 0 && { stop },
    ...format && { response_format: format },
    ...tools.length > 0 && { tools: toTools(tools), tool_choice: toToolChoice(callOneOf, tools) },
    ...tools.length > 0 && singleCall && { parallel_tool_calls: false },
    ...toSampling(sampling)
  })
  // Every second part is the index of an image.
  const parts = json.split(new RegExp(`${mark}(\\d+);`)).map((text, place) =>
    place % 2 === 0 ? Buffer.from(text) : images[Number(text)]!)
  return {
    length: parts.reduce((sum, part) => sum + (Buffer.isBuffer(part) ? part.length : dataUriLength(part)), 0),
    * pieces () {
      for (const part of parts) yield Buffer.isBuffer(part) ? part : Buffer.from(dataUri(part), 'latin1')
    }
  }
}

function toSampling (
  { temperature, topP, topK, minP, repeatPenalty, frequencyPenalty, presencePenalty, seed }: Sampling
): object {
  return {
    temperature,
    top_p: topP,
    top_k: topK,
    min_p: minP,
    repeat_penalty: repeatPenalty,
    repetition_penalty: repeatPenalty,
    frequency_penalty: frequencyPenalty,
    presence_penalty: presencePenalty,
    seed
  }
}

const dataUri = ({ type, bytes }: UpstreamImage) => `data:${type};base64,${bytes.toString('base64')}`
const dataUriLength = ({ type, bytes }: UpstreamImage) =>
  `data:${type};base64,`.length + 4 * Math.ceil(bytes.length / 3)
