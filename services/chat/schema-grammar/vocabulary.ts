/** Keywords that constrain a value by themselves. */
export const ASSERTIONS: ReadonlySet<string> = new Set([
  'type', 'nullable', 'enum', 'const', 'minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'minLength',
  'maxLength', 'pattern', 'format', 'items', 'prefixItems', 'additionalItems', 'minItems', 'maxItems', 'properties',
  'required', 'additionalProperties', 'patternProperties', 'propertyNames', 'minProperties', 'maxProperties',
  'not', 'uniqueItems'
])

/** Keywords that apply other schemas to the same value. */
export const COMBINATIONS: ReadonlySet<string> = new Set(['$ref', 'allOf', 'anyOf', 'oneOf'])

/** Keywords that constrain a value, but not in a way that a grammar can express. */
const UNENFORCEABLE: ReadonlySet<string> = new Set([
  'if', 'then', 'else', 'multipleOf', 'divisibleBy', 'dependentRequired', 'dependentSchemas',
  'dependencies', 'contains', 'minContains', 'maxContains', 'unevaluatedProperties', 'unevaluatedItems', '$dynamicRef',
  '$recursiveRef'
])

/** Common annotations, which need no comparison with the keywords above. */
const ANNOTATIONS: ReadonlySet<string> = new Set([
  'title', 'description', 'default', 'example', 'examples', '$comment', 'deprecated', 'readOnly', 'writeOnly', '$defs',
  'definitions', 'discriminator', '$schema', '$id', 'id', '$anchor', 'contentEncoding', 'contentMediaType',
  'contentSchema'
])

/** Shorter keywords have too many other words that resemble them. */
const MIN_SIMILAR = 5

const plain = (keyword: string) => keyword.toLowerCase().replaceAll(/[_-]/g, '')

/** Returns a word and the words that lack one of its letters. Two words share one if a single typo separates them. */
function * lackingOne (word: string): Iterable<string> {
  yield word
  for (let at = 0; at < word.length; at++) yield word.slice(0, at) + word.slice(at + 1)
}

const CONSTRAINTS = [...ASSERTIONS, ...COMBINATIONS, ...UNENFORCEABLE]
const SPELLINGS = new Map(CONSTRAINTS.map(keyword => [plain(keyword), keyword]))
const TYPOS = new Map(CONSTRAINTS.filter(keyword => keyword.length >= MIN_SIMILAR).flatMap(keyword =>
  [...lackingOne(plain(keyword))].map(typo => [typo, keyword] as const)))
const LONGEST = Math.max(...CONSTRAINTS.map(keyword => keyword.length)) + 1

const isEmpty = (value: unknown) => typeof value === 'object' && value !== null && Object.keys(value).length === 0

/**
 * Returns whether a keyword that cannot be enforced does not constrain anything here, e.g. the empty
 * `dependentRequired` of generators.
 */
export function isWithoutEffect (keyword: string, schema: Readonly<Record<string, unknown>>): boolean {
  const value = schema[keyword]
  switch (keyword) {
    case 'dependentRequired':
    case 'dependentSchemas':
    case 'dependencies': return isEmpty(value)
    case 'multipleOf': return value === 1 && schema.type === 'integer'
    case 'if': return !('then' in schema) && !('else' in schema)
    case 'then':
    case 'else': return !('if' in schema)
    case 'minContains':
    case 'maxContains': return !('contains' in schema)
    default: return false
  }
}

export function isConstraint (keyword: string): boolean {
  return ASSERTIONS.has(keyword) || COMBINATIONS.has(keyword) || UNENFORCEABLE.has(keyword)
}

/**
 * Returns the constraint that a keyword probably means: `min_length` and `minLenght` mean `minLength`. The
 * specification ignores unknown keywords, but the author of this one expects it to constrain the answer.
 * @returns null for a constraint itself, and for a keyword that resembles none
 */
export function misspelled (keyword: string): string | null {
  if (ANNOTATIONS.has(keyword) || isConstraint(keyword)) return null
  const word = plain(keyword)
  if (word.length > LONGEST) return null
  const same = SPELLINGS.get(word)
  if (same !== undefined) return same
  if (word.length < MIN_SIMILAR - 1) return null
  for (const typo of lackingOne(word)) {
    const similar = TYPOS.get(typo)
    if (similar !== undefined) return similar
  }
  return null
}

/** Returns whether a keyword does not constrain a value. All unknown keywords are annotations. */
export function isAnnotation (keyword: string): boolean {
  if (ANNOTATIONS.has(keyword) || keyword.startsWith('x-')) return true
  return !isConstraint(keyword) && misspelled(keyword) === null
}
