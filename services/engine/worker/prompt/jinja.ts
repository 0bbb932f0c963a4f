import { parse, Template, tokenize } from '@huggingface/jinja'

// @huggingface/jinja differs from Jinja in Python, and from llama.cpp, in two places that the templates of Qwen models
// use. Both are corrected in the parsed template:
// - `strip`, `lstrip` and `rstrip` ignore the characters to remove, so the indentation of an answer would be lost.
// - The filter `string` cannot convert null and writes booleans in lower case.

/** A node of a parsed template. */
interface Node {
  type: string
  [field: string]: unknown
}

const STRIPS = new Set(['strip', 'lstrip', 'rstrip'])
/** Prefix of the functions below in the parsed template. */
const OWN = 'python_'

/** The variables that a corrected template needs. */
const FUNCTIONS = Object.fromEntries([...STRIPS].map(name => [OWN + name, (text: string, characters: string) => {
  const isKept = (letter: string) => !characters.includes(letter)
  const letters = Array.from(text)
  const from = name === 'rstrip' ? 0 : letters.findIndex(isKept)
  const to = name === 'lstrip' ? letters.length : letters.findLastIndex(isKept) + 1
  return from === -1 ? '' : letters.slice(from, to).join('')
}]))

/**
 * Parses a template.
 * @returns a function that renders it with variables
 * @throws Error when the template is not valid
 */
export function parseTemplate (source: string): (variables: Record<string, unknown>) => string {
  const template = new Template(source)
  correct(template.parsed)
  return variables => template.render({ ...FUNCTIONS, ...variables })
}

/** Corrects a part of a parsed template in place, its children first. */
function correct (part: unknown): void {
  if (Array.isArray(part)) return part.forEach(correct)
  if (part instanceof Map) return [...part].forEach(correct)
  if (!isNode(part)) return
  Object.values(part).forEach(correct)
  const { callee, args, filter, operand } = part
  if (part.type === 'CallExpression' && isNode(callee) && isNode(callee.property) && Array.isArray(args)) {
    const { value } = callee.property
    if (callee.computed || args.length !== 1 || !STRIPS.has(String(value))) return
    Object.assign(part, { callee: identifier(OWN + value), args: [callee.object, ...args] })
  } else if (part.type === 'FilterExpression' && isNode(filter) && filter.value === 'string') {
    Object.assign(part, textOf(operand))
  }
}

/** Returns an expression that converts a value to text as Python does. */
function textOf (operand: unknown): object {
  const [expression] = parse(tokenize(
    '{{ "None" if x is none else "True" if x is true else "False" if x is false else x | string }}'
  )).body
  insert(expression, operand)
  return expression!
}

/** Replaces the variable `x` in an expression. */
function insert (part: unknown, operand: unknown): void {
  if (!isNode(part)) return
  for (const [field, child] of Object.entries(part)) {
    if (isNode(child) && child.type === 'Identifier' && child.value === 'x') part[field] = operand
    else insert(child, operand)
  }
}

function identifier (value: string): Node {
  return { type: 'Identifier', value }
}

function isNode (value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value
}
