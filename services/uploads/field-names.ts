/** The name of a part of a form, split into its field and the place in it. */
export interface FieldName {
  /** e.g. `history` */
  field: string
  /** The name as it was sent, e.g. `history[0][role]`. Errors contain it. */
  name: string
  /**
   * - absent: the field itself, e.g. `images`;
   * - `null`: an item of its list without a number, e.g. `images[]`;
   * - a number: the item with this number, e.g. `images[0]`.
   */
  index?: number | null
  /** A member of the item, e.g. `role` of `history[0][role]`. */
  member?: string
  /** The place in a member that is a list, as `index`: `history[0][images][1]`. */
  memberIndex?: number | null
}

/**
 * The ways in which clients write names of lists and members:
 * - `images[]`: PHP, Rails, jQuery, axios;
 * - `images[0]`, `history[0][role]`: axios with `indexes: true`, qs, object-to-formdata;
 * - `history[0].role`: axios with `dots: true`, .NET;
 * - `history[][role]`: Rails, jQuery; the turns follow each other;
 * - `history{}`: axios, for a value that it sends as JSON.
 */
const NAME = /^([a-z_]+)((?:\[\w*\]|\.\w+){0,3})(?:\{\})?$/
const STEP = /\[(\w*)\]|\.(\w+)/g
const INDEX = /^\d{1,4}$/

/** Fields that are lists. Those with members name the members that may be parts of their own. */
const LISTS: Readonly<Record<string, readonly string[]>> = {
  images: [], history_images: [], stop: [], history: ['role', 'content', 'images']
}
export const isList = (field: string) => Object.hasOwn(LISTS, field)
const LIST_MEMBERS = new Set(['images'])

/**
 * Splits the name of a part.
 * @param isField whether a field has this name
 * @returns null if the name belongs to no field
 * @example
 * parseFieldName('images[1]', isField) // { field: 'images', name: 'images[1]', index: 1 }
 */
export function parseFieldName (name: string, isField: (name: string) => boolean): FieldName | null {
  if (isField(name)) return { field: name, name }
  const [, field = '', path = ''] = NAME.exec(name) ?? []
  if (!isField(field)) return null
  const steps = Array.from(path.matchAll(STEP), ([, bracket, dotted]) => bracket ?? dotted!)
  if (steps.length === 0) return { field, name }

  const [item, member, memberItem] = steps
  if (!isList(field) || !isIndex(item!)) return null
  const place = { field, name, index: toIndex(item!) }
  if (member === undefined) return place
  if (!LISTS[field]!.includes(member)) return null
  if (memberItem === undefined) return { ...place, member }
  return LIST_MEMBERS.has(member) && isIndex(memberItem)
    ? { ...place, member, memberIndex: toIndex(memberItem) }
    : null
}

function isIndex (step: string): boolean {
  return step === '' || INDEX.test(step)
}

function toIndex (step: string): number | null {
  return step === '' ? null : Number(step)
}
