import { InvalidFieldError } from '../../errors/catalogue.ts'
import { FIELD_FAULTS } from '../../errors/phrases.ts'
import type { ChatFields } from '../../schemas/chat.ts'
import { toConstraint } from './answer-format.ts'
import { DEFAULT_MAX_TOKENS, type ChatPart, type ChatQuestion, type ChatTurn, type UploadedFile } from './request.ts'

/**
 * Arranges system prompt, history and question as turns. The images of a turn come before its text: later text then
 * never moves an earlier image, and the prefix can be reused.
 * @param images images of the question
 * @param resent images of the history that were sent again; their indexes continue those of `images`. Of two copies the
 * first is used
 * @throws InvalidFieldError if the history does not name one of `resent`
 */
export function toQuestion (fields: ChatFields, images: UploadedFile[], resent: UploadedFile[]): ChatQuestion {
  // The list is reversed, so that the first copy of an image is set last and replaces the others.
  const places = new Map(resent.map((file, index) => [file.id, images.length + index] as const).reverse())
  const named = new Set((fields.history ?? []).flatMap(turn => turn.images ?? []))
  const stranger = resent.findIndex(file => !named.has(file.id))
  if (stranger !== -1) {
    throw new InvalidFieldError(`history_images[${stranger}]`, FIELD_FAULTS.mustBeHistoryImage)
  }

  const turns: ChatTurn[] = []
  if (fields.system) turns.push({ role: 'system', parts: [{ type: 'text', text: fields.system }] })
  for (const { role, content, images: ids = [] } of fields.history ?? []) {
    const imageParts = ids.map((id): ChatPart => {
      const file = places.get(id)
      return file === undefined ? { type: 'earlier', id } : { type: 'upload', file }
    })
    turns.push({ role, parts: [...imageParts, { type: 'text', text: content }] })
  }
  const own = images.map((_, file): ChatPart => ({ type: 'upload', file }))
  turns.push({ role: 'user', parts: [...own, { type: 'text', text: fields.message }] })

  return {
    turns,
    tools: [],
    maxTokens: fields.max_tokens ?? DEFAULT_MAX_TOKENS,
    thinking: fields.thinking === undefined ? null : { field: 'thinking', amount: fields.thinking },
    stop: fields.stop ?? [],
    constraint: toConstraint(fields.response_format),
    singleCall: false,
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
