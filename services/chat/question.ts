import { InvalidFieldError } from '../../errors.ts'
import type { ChatFields } from '../../schemas/chat.ts'
import { answerFormat, createAnswerGrammar } from './answer-format.ts'
import { DEFAULT_MAX_TOKENS, type ChatPart, type ChatQuestion, type ChatTurn, type UploadedFile } from './request.ts'

/**
 * Lays out system prompt, history and question as turns. Pictures of a turn stand before its text, in their order.
 * @param images the question's own pictures
 * @param resent pictures of the history that were sent again, `files` continued
 * @throws InvalidFieldError when one of `resent` is not in the history; UnsupportedSchemaError
 */
export function toQuestion (fields: ChatFields, images: UploadedFile[], resent: UploadedFile[]): ChatQuestion {
  const places = new Map(resent.map((file, index) => [file.id, images.length + index]))
  const named = new Set((fields.history ?? []).flatMap(turn => turn.images ?? []))
  const stranger = resent.findIndex(file => !named.has(file.id))
  if (stranger !== -1) throw new InvalidFieldError(`history_images[${stranger}]`, 'must be a picture that "history" names')

  const turns: ChatTurn[] = []
  if (fields.system) turns.push({ role: 'system', parts: [{ type: 'text', text: fields.system }] })
  for (const { role, content, images: ids = [] } of fields.history ?? []) {
    const pictures = ids.map((id): ChatPart => {
      const file = places.get(id)
      return file === undefined ? { type: 'earlier', id } : { type: 'upload', file }
    })
    turns.push({ role, parts: [...pictures, { type: 'text', text: content }] })
  }
  const own = images.map((_, file): ChatPart => ({ type: 'upload', file }))
  turns.push({ role: 'user', parts: [...own, { type: 'text', text: fields.message }] })

  return {
    turns,
    tools: [],
    maxTokens: fields.max_tokens ?? DEFAULT_MAX_TOKENS,
    stop: fields.stop ?? [],
    grammar: createAnswerGrammar(fields.response_format, fields.stop),
    format: answerFormat(fields.response_format),
    sampling: {
      temperature: fields.temperature,
      topP: fields.top_p,
      topK: fields.top_k,
      minP: fields.min_p,
      repeatPenalty: fields.repeat_penalty,
      seed: fields.seed
    }
  }
}
