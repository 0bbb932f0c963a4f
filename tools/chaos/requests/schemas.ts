import { jsonBody, postRequest } from '../lib/http.ts'
import { COSTLY_SCHEMAS } from '../lib/schemas.ts'
import { draft, type Draft, type Kind, type Material } from './kind.ts'
import { askIn, WAYS } from './question.ts'

const MOST_TOOLS = 128
/** With more long schemas, a body would have too many JSON values. */
const MOST_LONG_SCHEMAS = 3
/** Keeps answers short. */
const ANSWER_TOKENS = 30

interface Tools { count: number, schema?: object, ending: string, detail: string }

function withTools (model: string, { count, schema, ending, detail }: Tools): Draft {
  const parameters = schema && { parameters: { type: 'object', properties: { value: schema } } }
  const tools = Array.from({ length: count }, (_, index) => ({
    type: 'function',
    function: { name: `tool-${index}`, ...parameters }
  }))
  const body = jsonBody({ model, messages: [{ role: 'user', content: 'Hi' }], tools, tool_choice: 'required' })
  return draft(postRequest('/v1/chat/completions', body), ending, { detail })
}

/** Costly schemas in tools. The demo model has no tools, which the service must notice before it converts a schema. */
function costlyTools ({ draw, model }: Material): Draft {
  const wantsShort = draw.chance(0.5)
  const { name, isShort, schema } = draw.pick(COSTLY_SCHEMAS.filter(({ isShort }) => isShort === wantsShort))
  const count = draw.between(1, isShort ? MOST_TOOLS : MOST_LONG_SCHEMAS)
  return withTools(model, { count, schema, ending: 'error 400 TOOLS_NOT_SUPPORTED', detail: `${count} with ${name}` })
}

function tooManyTools ({ draw, model }: Material): Draft {
  const count = draw.pick([MOST_TOOLS + 1, 12_000])
  return withTools(model, { count, ending: 'error 400 INVALID_FIELD', detail: String(count) })
}

function costlyAnswer (material: Material): Draft {
  const { draw } = material
  const way = draw.pick(WAYS)
  const { name, schema } = draw.pick(COSTLY_SCHEMAS)
  const format = { type: 'json_schema', json_schema: { name: 'answer', schema } }
  const more = { response_format: format, max_tokens: ANSWER_TOKENS }
  const asked = askIn(way, material, { question: 'Hello, who are you?', images: [], more })
  return { ...asked, right: [...asked.right, 'error 400 UNSUPPORTED_SCHEMA'], detail: `${name}, ${way}` }
}

/** Schemas of tools and answers. */
export const schemas: Kind[] = [
  { name: 'tools', weight: 2, make: costlyTools },
  { name: 'too many tools', weight: 2, make: tooManyTools },
  { name: 'costly schema', weight: 4, make: costlyAnswer }
]
