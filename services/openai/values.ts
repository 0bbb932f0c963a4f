import { withoutEmpty } from '../chat/fields.ts'
import { translateFormat } from '../chat/format-variants.ts'
import { translateMessages } from './content.ts'
import { translateChoice, translateTools } from './tool-variants.ts'

type Body = Record<string, unknown>

/** llama.cpp, LM Studio and Ollama write "no limit" in these ways. */
const UNLIMITED = new Set<unknown>([-1, -2])
const TOP_K_MAX = 1000

const withoutLimit = (value: unknown) => UNLIMITED.has(value) ? undefined : value

/**
 * Values that clients write differently, by field. `undefined` leaves the field out.
 *
 * - `max_tokens: -1` is not a limit (LM Studio, llama.cpp, Ollama), `seed: -1` is a random seed.
 * - `top_k: -1` is no limit (vLLM). Beyond 1000 tokens a larger `top_k` changes nothing that could be seen.
 * - Empty stop strings stop nothing (LangChain, agents).
 * - `tools: []` offers none (OpenAI SDK wrappers, n8n).
 */
const VALUES: Readonly<Record<string, (value: unknown) => unknown>> = {
  max_tokens: withoutLimit,
  max_completion_tokens: withoutLimit,
  seed: value => value === -1 ? undefined : value,
  top_k: value => value === -1 ? 0 : typeof value === 'number' && value > TOP_K_MAX ? TOP_K_MAX : value,
  stop: value => value === '' ? undefined : withoutEmpty(value),
  pages: value => typeof value === 'number' ? String(value) : value,
  thinking: translateThinking,
  tools: translateTools,
  tool_choice: translateChoice,
  response_format: translateFormat,
  messages: translateMessages
}

/**
 * Converts the values of other clients to those of OpenAI's API.
 * @throws InvalidFieldError for content that is neither text nor an image
 */
export function translateValues (body: Body): Body {
  const translated = Object.fromEntries(Object.entries(body).flatMap(([field, value]) => {
    const own = Object.hasOwn(VALUES, field) ? VALUES[field]!(value) : value
    return own === undefined ? [] : [[field, own]]
  }))
  const { tool_choice: choice, ...rest } = translated
  // Without tools a model cannot choose one.
  return translated.tools === undefined && (choice === 'auto' || choice === 'none') ? rest : translated
}

/** Converts `thinking` of this service's own interface: `"on"`, `"off"` or a number of tokens. */
function translateThinking (value: unknown): unknown {
  if (typeof value === 'number') return { budget_tokens: value }
  return value === 'on' ? { type: 'enabled' } : value === 'off' ? { type: 'disabled' } : value
}
