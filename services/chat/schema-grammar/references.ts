type Path = Array<string | number>

/** Paths of the schemas that have a name, by this name. */
interface Names { ids: Map<string, Path>, anchors: Map<string, Path> }

const known = new WeakMap<object, Names>()

/**
 * Finds the target of a `$ref`.
 * - `#/$defs/a` points into the nearest schema around the reference that has an `$id`, otherwise into the document.
 *   Generators that embed schemas with an `$id` point into the document all the same.
 * - `Name`, as TypeBox writes it, is the `$id` of a schema in the document. It may be followed by `#/…`.
 * - `#name` is an `$anchor`.
 *
 * @param from path of the schema with the reference
 * @returns the path of the target
 */
export function findReference (root: unknown, from: Path, ref: string): Path | 'external' | 'dangling' {
  const hash = ref.indexOf('#')
  const name = hash === -1 ? ref : ref.slice(0, hash)
  const fragment = hash === -1 ? '' : ref.slice(hash + 1)
  const { ids, anchors } = namesIn(root)
  const embedded = ids.get(name)
  if (name !== '' && embedded === undefined) return 'external'
  if (fragment !== '' && !fragment.startsWith('/')) return anchors.get(fragment) ?? 'external'
  for (const start of embedded === undefined ? resourcesAround(root, from) : [embedded]) {
    const path = follow(root, start, fragment)
    if (path !== null) return path
  }
  return 'dangling'
}

/** Returns the paths of the nearest schema with an `$id` and of the document. */
function resourcesAround (root: unknown, from: Path): Path[] {
  let value = root
  let nearest: Path = []
  for (const [index, step] of from.entries()) {
    value = (value as Record<string | number, unknown>)[step]
    if (hasId(value)) nearest = from.slice(0, index + 1)
  }
  return nearest.length === 0 ? [[]] : [nearest, []]
}

function hasId (value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, '$id') &&
    typeof (value as { $id: unknown }).$id === 'string'
}

/** Collects the names of a document once. The document has a maximum size, and is walked without recursion. */
function namesIn (root: unknown): Names {
  if (typeof root !== 'object' || root === null) return { ids: new Map(), anchors: new Map() }
  const names = known.get(root) ?? collectNames(root)
  known.set(root, names)
  return names
}

function collectNames (root: object): Names {
  interface Place { value: unknown, above: Place | null, step: string | number }
  const names: Names = { ids: new Map(), anchors: new Map() }
  const todo: Place[] = [{ value: root, above: null, step: '' }]
  for (let place = todo.pop(); place !== undefined; place = todo.pop()) {
    if (typeof place.value !== 'object' || place.value === null) continue
    const schema = place.value as Record<string, unknown>
    for (const [keyword, all] of [['$id', names.ids], ['$anchor', names.anchors]] as const) {
      const name = Object.hasOwn(schema, keyword) ? schema[keyword] : undefined
      if (typeof name === 'string' && name !== '' && !all.has(name)) all.set(name, pathOf(place))
    }
    for (const [step, value] of Object.entries(schema)) todo.push({ value, above: place, step })
  }
  return names

  function pathOf (place: Place): Path {
    const path: Path = []
    for (let at = place; at.above !== null; at = at.above) path.push(at.step)
    return path.reverse()
  }
}

function follow (root: unknown, start: Path, fragment: string): Path | null {
  let schema = root
  for (const step of start) schema = (schema as Record<string | number, unknown>)[step]
  const path = [...start]
  for (const step of fragment.split('/').slice(1)) {
    const name = decode(step)?.replaceAll('~1', '/').replaceAll('~0', '~')
    if (name === undefined || typeof schema !== 'object' || schema === null || !Object.hasOwn(schema, name)) return null
    schema = (schema as Record<string, unknown>)[name]
    path.push(name)
  }
  return path
}

function decode (step: string): string | undefined {
  try {
    return decodeURIComponent(step)
  } catch {
    return undefined
  }
}
