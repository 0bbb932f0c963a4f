/**
 * Bounds on the lists and texts of a request that no setting changes. Bounds that one file alone enforces stand in that
 * file; `tools/scripts/limits.ts` collects all of them for the table in docs/api.md.
 */

// Text

/** Code points of `message`, of `system` and of the `content` of a turn. */
export const MESSAGE_MAX_CHARACTERS = 32_000
/** Stop strings of a request, and the characters of each. */
export const STOP_MAX_STRINGS = 4
export const STOP_MAX_CHARACTERS = 100

/** `max_tokens` of a request on `/api`; the context leaves less. */
export const MAX_TOKENS_MAX = 131_072

// Conversations

/** Turns of `history`. */
export const HISTORY_MAX_TURNS = 200
/** Image ids of one turn of `history`. */
export const TURN_MAX_IMAGES = 64
/** Different images that a request names by id. Each takes at least some cells of the context, so few of them ever fit. */
export const NAMED_IMAGES_MAX = 256
/** Mentions of those images over all turns. */
export const NAMED_IMAGES_MAX_MENTIONS = 1_000
/** Messages of a request on `/v1`. */
export const MESSAGES_MAX = 1_000
/** Parts of the contents of all those messages together. */
export const MESSAGES_MAX_PARTS = 10_000

// Tools

/** As OpenAI has it. */
export const TOOLS_MAX = 128
/** Calls of all messages together. */
export const CALLS_MAX = 1_000

// JSON, as a body or as a field of a form

/** Levels of lists and objects within each other. */
export const JSON_MAX_DEPTH = 128
/** Items of lists and members of objects, all together: parsing and checking them occupies the event loop. */
export const JSON_MAX_VALUES = 50_000
/** UTF-16 units of the name of a member, as it is written: errors quote names, with escapes of their own. */
export const JSON_MAX_NAME = 1_000

// Forms

/** Bytes of one text field. */
export const FIELD_MAX_BYTES = 1024 * 1024
/** Bytes of all text fields together: they are held in memory. */
export const FORM_TEXT_MAX_BYTES = 4 * 1024 * 1024
/** Text fields: a history may come with a field for each of its turns. */
export const FORM_MAX_FIELDS = HISTORY_MAX_TURNS + 50
/** Parts of any kind, those without a name included. */
export const FORM_MAX_PARTS = 1_000
