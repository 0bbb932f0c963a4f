import type { Phrase } from '../../errors/language.ts'
import { NAMED_IMAGES_MAX, NAMED_IMAGES_MAX_MENTIONS } from '../../schemas/limits.ts'

/**
 * Checks how many images a conversation names by id.
 * @param ids the ids of all turns in order, with repetitions
 * @returns the fault, which completes the sentence about the field, and the limit; null when there is no fault
 */
export function namedImagesFault (ids: readonly string[]): { fault: Phrase, limit: number } | null {
  if (ids.length > NAMED_IMAGES_MAX_MENTIONS) {
    return {
      fault: {
        en: `names images by id ${ids.length} times; the limit is ${NAMED_IMAGES_MAX_MENTIONS}`,
        zh: `按 id 引用图片 ${ids.length} 次，上限为 ${NAMED_IMAGES_MAX_MENTIONS} 次`
      },
      limit: NAMED_IMAGES_MAX_MENTIONS
    }
  }
  const different = new Set(ids).size
  if (different <= NAMED_IMAGES_MAX) return null
  return {
    fault: {
      en: `names ${different} different images by id; the limit is ${NAMED_IMAGES_MAX}`,
      zh: `按 id 引用了 ${different} 张不同的图片，上限为 ${NAMED_IMAGES_MAX} 张`
    },
    limit: NAMED_IMAGES_MAX
  }
}
