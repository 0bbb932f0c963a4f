import { isDeepStrictEqual } from 'node:util'
import { OPENAI_FAULTS } from '../../errors/phrases.ts'
import { translateSchema } from '../chat/schema-variants.ts'
import { isEmptyList, isObject, refuse, withoutNulls, type Json } from './json.ts'

/** `tool_choice` as Anthropic, Mistral and the Responses API write it. */
const CHOICES: Readonly<Record<string, string>> = { auto: 'auto', any: 'required', required: 'required', none: 'none' }

/** Names of the schema of the arguments: OpenAI, Anthropic, MCP, LangChain. */
const SCHEMA_NAMES = ['parameters', 'input_schema', 'inputSchema', 'args_schema']

/**
 * Converts tools to the form of chat completions: flat ones of the Responses API, those of Anthropic and MCP, ones
 * without `type`, and null for members that are not set. An empty list becomes undefined.
 * @throws InvalidFieldError for a tool with two schemas, and for one whose input is free text
 */
export function translateTools (tools: unknown): unknown {
  if (!Array.isArray(tools)) return tools
  return tools.length === 0 ? undefined : tools.map((tool, index) => translateTool(tool, `tools[${index}]`))
}

function translateTool (tool: unknown, field: string): unknown {
  if (!isObject(tool)) return tool
  const { type = 'function', function: own, ...flat } = withoutNulls(tool)
  if (own !== undefined) return { type, function: isObject(own) ? translateFunction(own, `${field}.function`) : own }
  if (flat.name === undefined) return type === 'custom' ? refuse(`${field}.type`, OPENAI_FAULTS.onlyFunctions) : tool
  const { name, description, parameters, strict } = translateFunction(flat, field)
  if (type === 'custom' && parameters === undefined) refuse(`${field}.type`, OPENAI_FAULTS.onlyFunctions)
  return {
    type: type === 'custom' ? 'function' : type, function: withoutNulls({ name, description, parameters, strict })
  }
}

function translateFunction (own: Json, field: string): Json {
  const given = withoutNulls(own)
  const [name, second] = SCHEMA_NAMES.filter(name => Object.hasOwn(given, name))
  if (name === undefined) return given
  if (second !== undefined && !isDeepStrictEqual(given[second], given[name])) {
    refuse(`${field}.${second}`, OPENAI_FAULTS.contradicts(name))
  }
  const others = Object.fromEntries(Object.entries(given).filter(([key]) => !SCHEMA_NAMES.includes(key)))
  return { ...others, parameters: isEmptyList(given[name]) ? {} : translateSchema(given[name]) }
}

/**
 * Converts the forms of `tool_choice`: `any` of Anthropic and Mistral, `{type: "function", name}` of the Responses API,
 * `disable_parallel_tool_use` of Anthropic, and OpenAI's `allowed_tools`, which leaves out the other tools.
 * @throws InvalidFieldError for a choice that contradicts `parallel_tool_calls`, and for unknown tools
 */
export function translateChoice (body: Json): Json {
  const { tool_choice: choice } = body
  if (typeof choice === 'string' && Object.hasOwn(CHOICES, choice)) return { ...body, tool_choice: CHOICES[choice] }
  if (!isObject(choice)) return body
  const { disable_parallel_tool_use: isSingle, ...rest } = withoutNulls(choice)
  const chosen = rest.type === 'allowed_tools' ? onlyAllowed(body, rest) : { ...body, tool_choice: chosenTool(rest) }
  if (isSingle !== true) return chosen
  if (body.parallel_tool_calls === true) refuse('parallel_tool_calls', OPENAI_FAULTS.contradicts('tool_choice'))
  return { ...chosen, parallel_tool_calls: false }
}

function chosenTool (choice: Json): unknown {
  const { type, name, function: own } = choice
  if (own === undefined && typeof name === 'string' && (type === undefined || type === 'tool' || type === 'function')) {
    return { type: 'function', function: { name } }
  }
  if (own !== undefined && type === undefined) return { type: 'function', function: own }
  const isWord = typeof type === 'string' && Object.hasOwn(CHOICES, type) && Object.keys(choice).length === 1
  return isWord ? CHOICES[type] : choice
}

/** Leaves only the allowed tools. The Responses API has `mode` and `tools` next to `type`. */
function onlyAllowed (body: Json, choice: Json): Json {
  const isNested = isObject(choice.allowed_tools)
  const place = isNested ? 'tool_choice.allowed_tools' : 'tool_choice'
  const { mode = 'auto', tools: allowed } = isNested ? choice.allowed_tools as Json : choice
  if (!Array.isArray(allowed) || allowed.length === 0) return refuse(`${place}.tools`, OPENAI_FAULTS.mustBeTools)
  const offered = Array.isArray(body.tools) ? body.tools : []
  const names = new Map(offered.map(tool => [nameOf(tool), tool]))
  const tools = allowed.map((tool, index) =>
    names.get(nameOf(tool)) ?? refuse(`${place}.tools[${index}]`, OPENAI_FAULTS.unknownTool))
  return { ...body, tools, tool_choice: mode }
}

function nameOf (tool: unknown): unknown {
  if (!isObject(tool)) return undefined
  return isObject(tool.function) ? tool.function.name : tool.name
}
