/**
 * The places of a JSON body at which strings may be images. Strings at all other places are text, whatever they look
 * like.
 *
 * @example
 * const place: Place = { members: new Map([['images', { items: { image: 'base64' } }]]) } // images[*]
 */
export interface Place {
  /** The string at this place may be an image: a data URI, or with `base64` also base64 alone. */
  image?: 'uri' | 'base64'
  /** The items of a list at this place. */
  items?: Place
  /** The members of an object at this place. */
  members?: ReadonlyMap<string, Place>
  /** The members that are not listed. */
  others?: Place
}
