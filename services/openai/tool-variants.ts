type Json = Record<string, unknown>

/** `tool_choice` as Anthropic and the Responses API write it. */
const CHOICES: Readonly<Record<string, string>> = { auto: 'auto', any: 'required', required: 'required', none: 'none' }

/**
 * Converts tools to the form of chat completions: flat ones of the Responses API, those of Anthropic (`input_schema`),
 * ones without `type`, and null for members that are not set. An empty list becomes undefined.
 */
export function translateTools (tools: unknown): unknown {
  if (!Array.isArray(tools)) return tools
  return tools.length === 0 ? undefined : tools.map(translateTool)
}

function translateTool (tool: unknown): unknown {
  if (!isObject(tool)) return tool
  const { type = 'function', function: own, name, description, parameters, input_schema: schema, strict } =
    withoutNulls(tool)
  if (own !== undefined) return { type, function: isObject(own) ? withoutNulls(own) : own }
  if (name === undefined) return tool
  return {
    type: type === 'custom' ? 'function' : type,
    function: withoutNulls({ name, description, parameters: parameters ?? schema, strict })
  }
}

/** Converts `{type: "any"}` of Anthropic, and `{type: "function", name}` of the Responses API. */
export function translateChoice (choice: unknown): unknown {
  if (!isObject(choice)) return choice
  const { type, name, function: own } = choice
  if (own === undefined && typeof name === 'string' && (type === 'tool' || type === 'function')) {
    return { type: 'function', function: { name } }
  }
  const isWord = typeof type === 'string' && Object.hasOwn(CHOICES, type) && Object.keys(choice).length === 1
  return isWord ? CHOICES[type] : choice
}

/** Converts the arguments of earlier calls from objects, as Ollama's clients send them, to JSON. */
export function translateCalls (calls: unknown): unknown {
  if (!Array.isArray(calls)) return calls
  return calls.map(call => {
    if (!isObject(call) || !isObject(call.function) || !isObject(call.function.arguments)) return call
    return { ...call, function: { ...call.function, arguments: JSON.stringify(call.function.arguments) } }
  })
}

function withoutNulls (value: Json): Json {
  return Object.fromEntries(Object.entries(value).filter(([, inner]) => inner !== null && inner !== undefined))
}

function isObject (value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
