import { Type } from 'typebox'
import { FIELD_FAULTS } from '../errors/phrases.ts'
import { FRAMES_MAX, PAGES_MAX_CHARACTERS } from './limits.ts'

/** e.g. `1-3,7`. Blanks are allowed around numbers. */
const PAGE_LIST_PATTERN = '^ *\\d{1,5} *(- *\\d{1,5} *)?(, *\\d{1,5} *(- *\\d{1,5} *)?)*$'

/** The fields that select images of files which contain several. Both APIs have them. */
export const PagesSchema = Type.Optional(Type.String({
  pattern: PAGE_LIST_PATTERN,
  maxLength: PAGES_MAX_CHARACTERS,
  description: 'The pages of every PDF, e.g. `1-3,7`; each is an image. Without it, the first pages for which ' +
    'MAX_IMAGES leaves room next to the other images',
  fault: FIELD_FAULTS.mustBePages
}))
export const FramesSchema = Type.Optional(Type.Integer({
  minimum: 1,
  maximum: FRAMES_MAX,
  default: 1,
  description: 'Number of frames of every animation (GIF, WebP, PNG), evenly spaced from the first one; each is an ' +
    'image. A still image has one'
}))
