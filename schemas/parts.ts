import { Type } from 'typebox'
import { FIELD_FAULTS } from '../errors/phrases.ts'
import { FRAMES_MAX, PAGES_MAX_CHARACTERS, SENT_IMAGES_MAX } from './limits.ts'

/** e.g. `1-3,7`. Blanks are allowed around numbers. */
const PAGE_LIST_PATTERN = '^ *\\d{1,5} *(- *\\d{1,5} *)?(, *\\d{1,5} *(- *\\d{1,5} *)?)*$'

// The fields that select images of files which contain several.

const DEFAULT_PAGES = 'Without it, the first pages for which MAX_IMAGES leaves room next to the other images'
const PAGE_LIST = { pattern: PAGE_LIST_PATTERN, maxLength: PAGES_MAX_CHARACTERS, fault: FIELD_FAULTS.mustBePages }

/** The field of `/v1`, where a part of the content can have it too. */
export const PagesSchema = Type.Optional(Type.String({
  ...PAGE_LIST, description: `The pages of every PDF, e.g. \`1-3,7\`; each is an image. ${DEFAULT_PAGES}`
}))
/** The field of `/api`. */
export const PageListsSchema = Type.Optional(Type.Array(Type.String(PAGE_LIST), {
  minItems: 1,
  maxItems: SENT_IMAGES_MAX,
  description: 'The pages of the PDFs, e.g. `1-3,7`; each is an image. One list for all PDFs, or one for each PDF of ' +
    `\`images\` in their order. ${DEFAULT_PAGES}`
}))
export const FramesSchema = Type.Optional(Type.Integer({
  minimum: 1,
  maximum: FRAMES_MAX,
  default: 1,
  description: 'Number of frames of every animation (GIF, WebP, PNG), evenly spaced from the first one; each is an ' +
    'image. A still image has one'
}))
