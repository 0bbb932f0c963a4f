import { child, isUnenforceable, resolveRef, type Keywords, type Subschema } from './document.ts'
import { impliesPattern } from './formats.ts'
import { checkKeywords, compilePatternOf } from './keywords.ts'
import { spend } from './work.ts'

/** Levels of schemas within schemas and references. Deeper schemas are refused in any case. */
const MAX_DEPTH = 100
/** Cost of a schema, in steps. */
const SCHEMA_WORK = 10

/** Returns the error about the first constraint in a schema that a grammar cannot express; null if there is none. */
export type FindUnenforceable = (node: Subschema) => unknown

/**
 * Creates a function that looks at a schema with all schemas below it and all their references, without resolving them:
 * a branch of an `anyOf` is looked at while the schemas around it are being resolved.
 */
export function createFindUnenforceable (): FindUnenforceable {
  const found = new Map<number, unknown>()

  function find (node: Subschema, depth = 0): unknown {
    if (typeof node.schema === 'boolean' || depth > MAX_DEPTH) return null
    if (found.has(node.id)) return found.get(node.id)
    // A schema that refers to itself has no fault because of that.
    found.set(node.id, null)
    spend(SCHEMA_WORK)
    const error = faultOf(node, depth)
    found.set(node.id, error)
    return error
  }

  function faultOf (node: Subschema, depth: number): unknown {
    const { anyOf, pattern, format } = node.schema as Keywords
    try {
      checkKeywords(node)
      const isImplied = typeof format === 'string' && impliesPattern(format, String(pattern))
      if (typeof pattern === 'string' && !isImplied) compilePatternOf(node)
      for (const below of schemasBelow(node)) {
        const error = find(below, depth + 1)
        if (error !== null) return error
      }
      if (!Array.isArray(anyOf) || anyOf.length === 0) return null
      const errors = anyOf.map((_, index) => find(child(node, 'anyOf', index), depth + 1))
      return errors.includes(null) ? null : errors[0]
    } catch (error) {
      if (isUnenforceable(error)) return error
      // Faults of a schema are reported where it is resolved.
      return null
    }
  }

  return find
}

function schemasBelow (node: Subschema): Subschema[] {
  const keywords = node.schema as Keywords
  const lists = ['allOf', 'oneOf', 'prefixItems', 'items'].flatMap(keyword => {
    const value = keywords[keyword]
    return Array.isArray(value) ? value.map((_, index) => child(node, keyword, index)) : []
  })
  const single = ['items', 'additionalItems', 'additionalProperties', 'propertyNames'].flatMap(keyword => {
    const value = keywords[keyword]
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? [child(node, keyword)] : []
  })
  const named = ['properties', 'patternProperties'].flatMap(keyword => {
    const value = keywords[keyword]
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.keys(value).map(name => child(node, keyword, name))
      : []
  })
  return [...keywords.$ref === undefined ? [] : [resolveRef(node)], ...lists, ...single, ...named]
}
