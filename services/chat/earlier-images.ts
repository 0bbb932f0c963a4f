import { createHash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { KnownImage, Part } from '../engine/engine.ts'
import { imageCacheKey } from '../engine/image-index.ts'
import type { Conversation, PlacedImage } from './conversation.ts'

/** Images of turns of which the sizes are remembered, over all conversations. */
const SIZES_REMEMBERED = 50_000

/**
 * Remembers in which sizes the images of each conversation were shown. Another conversation may show the same image in
 * another size: at low detail, or scaled because it has more images. A follow-up by id needs the size of its own
 * conversation, or its answer changes and its KV cache is lost.
 *
 * A conversation has no id. A turn is recognized by the texts and images of the user up to this turn, which a follow-up
 * repeats. Answers do not count, because clients trim them.
 */
export class SizeMemory {
  /** The keys of images in the cache (`imageCacheKey`), by turn. */
  readonly #turns = new LRUCache<string, ReadonlySet<string>>({
    maxSize: SIZES_REMEMBERED, sizeCalculation: sizes => sizes.size
  })

  /** @param shown the size of each image of the conversation */
  remember (conversation: Conversation, shown: Array<Pick<KnownImage, 'id' | 'width' | 'height'>>): void {
    for (const [index, turn] of turnsOfImages(conversation).entries()) {
      const size = imageCacheKey(shown[index]!)
      const sizes = this.#turns.get(turn)
      if (!sizes?.has(size)) this.#turns.set(turn, new Set([...sizes ?? [], size]))
    }
  }

  /**
   * Selects the cached size of each image of the conversation that is named by id:
   * - with a longest side (`detail` on `/v1`), the largest size within it;
   * - else the largest size in which this conversation showed it;
   * - else, for a conversation that is not remembered, the largest size.
   * @param known all cached sizes of the images
   * @returns by index; undefined for images of this request, and for those that are not cached in such a size
   */
  select (conversation: Conversation, known: KnownImage[]): Array<KnownImage | undefined> {
    const turns = turnsOfImages(conversation)
    return conversation.images.map((image, index) => image.file === null
      ? largestOf(known.filter(({ id }) => id === image.key), image, this.#turns.get(turns[index]!))
      : undefined)
  }
}

function largestOf (
  known: KnownImage[], { maxSide }: PlacedImage, own: ReadonlySet<string> | undefined
): KnownImage | undefined {
  const id = known[0]?.id
  const isOwn = own !== undefined && [...own].some(key => key.startsWith(`${id} `))
  const possible = known.filter(size => maxSide === undefined
    ? !isOwn || own.has(imageCacheKey(size))
    : Math.max(size.width, size.height) <= maxSide)
  return possible.toSorted((a, b) => b.tokens - a.tokens)[0]
}

/** Returns the turn of each image, as a hash of the user's turns up to it. Tool results belong to the turn before. */
function turnsOfImages ({ turns, images }: Conversation): string[] {
  const hash = createHash('sha256')
  const found: string[] = []
  for (const { role, parts, calls = [] } of images.length === 0 ? [] : turns) {
    if (role === 'user') {
      for (const part of parts) hash.update(JSON.stringify(isImage(part) ? [images[part.image]!.key] : part.text))
      hash.update('\n')
    }
    const turn = hash.copy().digest('base64')
    for (const part of [...parts, ...calls.flatMap(call => call.result)]) if (isImage(part)) found[part.image] = turn
  }
  return found
}

function isImage (part: Part): part is Extract<Part, { type: 'image' }> {
  return part.type === 'image'
}
