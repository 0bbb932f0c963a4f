/** The tags around thoughts in a prompt and in a raw answer, as all Qwen models write them. */
export const THOUGHT_TAGS = { open: '<think>', close: '</think>' }
