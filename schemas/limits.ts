/**
 * Bounds on the lists and texts of a request that no setting changes. A bound that only one file uses is defined in
 * that file. `tools/scripts/limits.ts` collects all of them for the table in docs/api.md.
 */

// Text

/** Code points of `message`, of `system` and of the `content` of a turn. */
export const MESSAGE_MAX_CHARACTERS = 32_000
/** Stop strings of a request, and characters of each. */
export const STOP_MAX_STRINGS = 16
export const STOP_MAX_CHARACTERS = 100

/** `max_tokens` of a request on `/api`. The context may leave less room. */
export const MAX_TOKENS_MAX = 131_072

// Documents and animations

/** Characters of a list of pages. */
export const PAGES_MAX_CHARACTERS = 1_000
/** `frames` of a request. `MAX_IMAGES` may allow fewer. */
export const FRAMES_MAX = 64

// Conversations

/** Turns of `history`. */
export const HISTORY_MAX_TURNS = 200
/** Image ids of one turn of `history`. */
export const TURN_MAX_IMAGES = 64
/** Different images that a request names by id. Each takes cells of the context, so only a few ever fit. */
export const NAMED_IMAGES_MAX = 256
/** Mentions of those images over all turns. */
export const NAMED_IMAGES_MAX_MENTIONS = 1_000
/** Messages of a request on `/v1`. */
export const MESSAGES_MAX = 1_000
/** Parts of the contents of all those messages together. */
export const MESSAGES_MAX_PARTS = 10_000

/** Images that a request sends, with copies of the same image. `MAX_IMAGES` bounds the different ones. */
export const SENT_IMAGES_MAX = 128

/** Fields of a request on `/v1`, and members of one of its messages or parts. Each is compared with known ones. */
export const MEMBERS_MAX = 1_000

// Tools

/** The same as in the OpenAI API. */
export const TOOLS_MAX = 128
/** Tool calls of all messages together. */
export const CALLS_MAX = 1_000

// JSON, as a body or as a field of a form

/** Nesting depth of lists and objects. */
export const JSON_MAX_DEPTH = 128
/** Items of lists and members of objects, in all. Parsing and checking them occupies the event loop. */
export const JSON_MAX_VALUES = 50_000
/** UTF-16 units of the name of a member, as it is written. Errors quote names. */
export const JSON_MAX_NAME = 1_000

// Errors

/** Characters of a name that a client sent and that an error repeats. */
export const NAME_MAX_SHOWN = 100

// Forms

/** Bytes of one text field. */
export const FIELD_MAX_BYTES = 1024 * 1024
/** Bytes of all text fields together. They are kept in memory. */
export const FORM_TEXT_MAX_BYTES = 4 * 1024 * 1024
/** Text fields. A history may have one field for each turn. */
export const FORM_MAX_FIELDS = HISTORY_MAX_TURNS + 50
/** Parts of any kind, including file inputs in which nothing is chosen. */
export const FORM_MAX_PARTS = 1_000
