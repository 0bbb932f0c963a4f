import type { ChatDone } from '../../schemas/chat.ts'
import type { Completion, CompletionChunk, CompletionUsage } from '../../schemas/openai-answer.ts'
import type { AskedCall } from './tools.ts'

/** The fields that all chunks of an answer share. */
export interface CompletionHead { id: string, created: number, model: string }

export function createHead (requestId: string, model: string): CompletionHead {
  return { id: `chatcmpl-${requestId}`, created: Math.floor(Date.now() / 1000), model }
}

/** The texts of a whole answer. */
export interface AnswerTexts { thoughts: string, content: string, calls: AskedCall[] }

/** @param ignored unknown fields of the request */
export function toCompletion (
  head: CompletionHead, { thoughts, content, calls }: AnswerTexts, done: ChatDone, ignored: string[]
): Completion {
  return {
    ...head,
    object: 'chat.completion',
    choices: [{
      index: 0,
      message: {
        role: 'assistant',
        content: content === '' && calls.length > 0 ? null : content,
        ...thoughts !== '' && { reasoning_content: thoughts },
        refusal: null,
        ...calls.length > 0 && { tool_calls: calls.map(toToolCall) }
      },
      finish_reason: finishReason(calls.length, done),
      logprobs: null
    }],
    usage: toUsage(done),
    sightline: toExtras(done, ignored)
  }
}

type Delta = CompletionChunk['choices'][number]['delta']

export function toChunk (head: CompletionHead, delta: Delta): CompletionChunk {
  return {
    ...head, object: 'chat.completion.chunk', choices: [{ index: 0, delta, finish_reason: null, logprobs: null }]
  }
}

/** @param index number of earlier calls */
export function toCallDelta (call: AskedCall, index: number): Delta {
  return { tool_calls: [{ index, ...toToolCall(call) }] }
}

/**
 * The end of an answer, with the fields that the OpenAI API does not have.
 * @param calls number of calls in the answer
 * @param ignored unknown fields of the request
 */
export function toLastChunk (
  head: CompletionHead, calls: number, done: ChatDone, ignored: string[]
): CompletionChunk {
  return {
    ...head,
    object: 'chat.completion.chunk',
    choices: [{ index: 0, delta: {}, finish_reason: finishReason(calls, done), logprobs: null }],
    sightline: toExtras(done, ignored)
  }
}

export function toUsageChunk (head: CompletionHead, done: ChatDone): CompletionChunk {
  return { ...head, object: 'chat.completion.chunk', choices: [], usage: toUsage(done) }
}

function toToolCall ({ id, name, arguments: text }: AskedCall) {
  return { id, type: 'function' as const, function: { name, arguments: text } }
}

function finishReason (calls: number, { finish_reason: reason }: ChatDone) {
  return calls > 0 && reason === 'stop' ? 'tool_calls' : reason
}

function toUsage ({ usage }: ChatDone): CompletionUsage {
  return {
    prompt_tokens: usage.prompt_tokens,
    completion_tokens: usage.thinking_tokens + usage.completion_tokens,
    total_tokens: usage.prompt_tokens + usage.thinking_tokens + usage.completion_tokens,
    prompt_tokens_details: { cached_tokens: usage.cached_tokens, image_tokens: usage.image_tokens },
    completion_tokens_details: { reasoning_tokens: usage.thinking_tokens }
  }
}

function toExtras ({ images, boxes, points, timings }: ChatDone, ignored: string[]) {
  return { images, boxes, points, timings, ...ignored.length > 0 && { ignored } }
}
