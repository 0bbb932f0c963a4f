import { readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { Type, type Static } from 'typebox'
import { Value } from 'typebox/value'
import { describeFault } from './fault.ts'

/** One text, or a list of at least one. */
const TextsSchema =
  Type.Union([Type.String({ minLength: 1 }), Type.Array(Type.String({ minLength: 1 }), { minItems: 1 })])

export const ExpectedBoxSchema = Type.Object({
  /** Number of the image in the example, from 1. */
  picture: Type.Optional(Type.Integer({ minimum: 1 })),
  label: Type.Optional(Type.String({ minLength: 1 })),
  /** x1, y1, x2, y2 in pixels of the upright image file. */
  box: Type.Array(Type.Number(), { minItems: 4, maxItems: 4 })
}, { additionalProperties: false })
export type ExpectedBox = Static<typeof ExpectedBoxSchema>

/** The expected answer. `readExamples` ensures that exactly one of `exact`, `contains`, `json` and `boxes` is set. */
export const ExpectationSchema = Type.Object({
  exact: Type.Optional(TextsSchema),
  contains: Type.Optional(TextsSchema),
  json: Type.Optional(Type.Unknown()),
  /** With `json`: whether the order of arrays is ignored. */
  unordered: Type.Optional(Type.Boolean()),
  boxes: Type.Optional(Type.Array(ExpectedBoxSchema)),
  /** With `boxes`: the minimum intersection over union, 0.5 by default. */
  iou: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 1 }))
}, { additionalProperties: false })
export type Expectation = Static<typeof ExpectationSchema>

export const TurnSchema = Type.Object({
  message: Type.String({ minLength: 1 }),
  /** Number of the example's images that are sent with this turn. */
  pictures: Type.Optional(Type.Integer({ minimum: 0 })),
  /** JSON schema that the answer must obey. */
  schema: Type.Optional(Type.Union([Type.Object({}), Type.Boolean()])),
  expect: Type.Optional(ExpectationSchema)
}, { additionalProperties: false })

export const ExampleSchema = Type.Object({
  id: Type.String({ minLength: 1 }),
  /** The row of the table in which the example counts. */
  task: Type.String({ minLength: 1 }),
  language: Type.Optional(Type.String()),
  pictures: Type.Array(Type.String({ minLength: 1 })),
  turns: Type.Array(TurnSchema, { minItems: 1 })
}, { additionalProperties: false })

const FileSchema = Type.Object({
  description: Type.Optional(Type.String()),
  examples: Type.Array(Type.Unknown(), { minItems: 1 })
}, { additionalProperties: false })

export interface Turn extends Omit<Static<typeof TurnSchema>, 'pictures'> {
  /** Paths of the images sent with this turn, relative to the folder. */
  pictures: string[]
}

export interface Example extends Omit<Static<typeof ExampleSchema>, 'turns'> {
  turns: Turn[]
}

export const EXAMPLES_FILE = 'examples.json'
const KINDS = ['exact', 'contains', 'json', 'boxes'] as const
/** The kind that each option belongs to. */
const OPTIONS = { unordered: 'json', iou: 'boxes' } as const

/**
 * Reads the examples of a folder and checks that their images exist.
 * @throws Error that names the example and the wrong field
 */
export function readExamples (folder: string): Example[] {
  const file = path.join(folder, EXAMPLES_FILE)
  const content = parse(file)
  const [fault] = Value.Errors(FileSchema, content)
  if (fault) throw new Error(`${file}: ${describeFault(fault)}`)
  const seen = new Set<string>()
  return (content as Static<typeof FileSchema>).examples.map((value, index) => {
    const { id } = (value ?? {}) as { id?: unknown }
    const name = typeof id === 'string' && id !== '' ? `example "${id}"` : `example ${index + 1}`
    try {
      const example = readExample(value, folder)
      if (seen.has(example.id)) throw new Error('id is already used by an earlier example')
      seen.add(example.id)
      return example
    } catch (error) {
      throw new Error(`${file}: ${name}: ${(error as Error).message}`)
    }
  })
}

function parse (file: string): unknown {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new Error(`${file} cannot be read: ${(error as Error).message}`)
  }
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ''))
  } catch (error) {
    throw new Error(`${file} is not JSON: ${(error as Error).message}`)
  }
}

function readExample (value: unknown, folder: string): Example {
  const faults = Value.Errors(ExampleSchema, value)
  // For a union, the list of alternatives is more useful than the reason why each one fails.
  const fault = faults.find(({ keyword }) => keyword === 'anyOf') ?? faults[0]
  if (fault) throw new Error(describeFault(fault))
  const { turns, ...example } = value as Static<typeof ExampleSchema>
  for (const [index, file] of example.pictures.entries()) checkImage(file, `pictures[${index}]`, folder)
  let sent = 0
  const shared = turns.map((turn, index) => {
    const field = `turns[${index}]`
    const count = turn.pictures ?? (index === 0 ? example.pictures.length : 0)
    const pictures = example.pictures.slice(sent, sent + count)
    if (pictures.length < count) {
      throw new Error(`${field}.pictures is ${count}, but only ${pictures.length} of the images are left`)
    }
    sent += count
    if (turn.message.trim() === '') throw new Error(`${field}.message is blank`)
    if (turn.expect) checkExpectation(turn.expect, `${field}.expect`, sent)
    return { ...turn, pictures }
  })
  if (sent < example.pictures.length) throw new Error(`pictures: "${example.pictures[sent]}" is not sent with any turn`)
  if (!turns.some(({ expect }) => expect)) throw new Error('turns: at least one turn needs an expect')
  return { ...example, turns: shared }
}

function checkImage (file: string, field: string, folder: string): void {
  const inside = path.relative(folder, path.resolve(folder, file))
  if (path.isAbsolute(file) || inside === '..' || inside.startsWith(`..${path.sep}`)) {
    throw new Error(`${field} "${file}" is outside the folder`)
  }
  if (!statSync(path.join(folder, file), { throwIfNoEntry: false })?.isFile()) {
    throw new Error(`${field} "${file}" does not exist`)
  }
}

/** @param sent number of images sent up to this turn */
function checkExpectation (expect: Expectation, field: string, sent: number): void {
  const kinds = KINDS.filter(kind => Object.hasOwn(expect, kind))
  if (kinds.length !== 1) {
    const found = kinds.length > 1 ? `, not ${kinds.join(' and ')}` : ''
    throw new Error(`${field} must have exactly one of ${KINDS.join(', ')}${found}`)
  }
  for (const [option, kind] of Object.entries(OPTIONS)) {
    if (Object.hasOwn(expect, option) && kinds[0] !== kind) throw new Error(`${field}.${option} needs ${kind}`)
  }
  const texts = [expect.exact ?? [], expect.contains ?? []].flat()
  if (texts.some(text => text.trim() === '')) throw new Error(`${field}.${kinds[0]} contains a blank text`)
  for (const [index, { box, picture = 1 }] of (expect.boxes ?? []).entries()) {
    const [x1, y1, x2, y2] = box as [number, number, number, number]
    if (x1 >= x2 || y1 >= y2) {
      throw new Error(`${field}.boxes[${index}].box must be [x1, y1, x2, y2] with x1 < x2 and y1 < y2`)
    }
    if (picture > sent) throw new Error(`${field}.boxes[${index}].picture is ${picture}, but only ${sent} sent so far`)
  }
}
