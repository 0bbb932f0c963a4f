import { randomBytes } from 'node:crypto'
import type { GenerateRequest, Sampling } from '../engine.ts'
import { toMessages, toToolChoice, toTools } from './messages.ts'
import type { PreparedImage } from './prepared-images.ts'

/** The body of a request, in pieces, so that megabytes of images are never one string. */
export interface RequestBody {
  /** In bytes. */
  length: number
  pieces (): Iterable<Buffer>
}

/**
 * An answer's request in OpenAI's dialect. Fields of which the dialect knows nothing (`top_k`, `min_p`, the penalty on repetition, by both of its
 * names) are there only when a client sets them.
 * @param images of the request, by index
 * @param maxTokens upper bound that the upstream's context allows
 */
export function createBody (
  request: GenerateRequest, images: PreparedImage[], model: string, maxTokens: number
): RequestBody {
  const { turns, tools, callOneOf, singleCall, format, stop, sampling } = request
  // Nobody can send this: it is drawn anew for each request.
  const mark = randomBytes(16).toString('hex')
  const json = JSON.stringify({
    model,
    messages: toMessages(turns, image => `${mark}${image};`),
    stream: true,
    stream_options: { include_usage: true },
    max_tokens: maxTokens,
    ...stop.length > 0 && { stop },
    ...format && { response_format: format },
    ...tools.length > 0 && { tools: toTools(tools), tool_choice: toToolChoice(callOneOf, tools) },
    ...tools.length > 0 && singleCall && { parallel_tool_calls: false },
    ...toSampling(sampling)
  })
  // What stands between two texts is an image's index.
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

const dataUri = ({ type, bytes }: PreparedImage) => `data:${type};base64,${bytes.toString('base64')}`
const dataUriLength = ({ type, bytes }: PreparedImage) =>
  `data:${type};base64,`.length + 4 * Math.ceil(bytes.length / 3)
