import path from 'node:path'

const PART = /-(\d{5})-of-(\d{5})\.gguf$/

/** Returns all parts of a split model, given one of them. Other files are returned alone. */
export function filesOfModel (file: string): string[] {
  const count = Number(PART.exec(file)?.[2] ?? 1)
  return count === 1 ? [file] : Array.from({ length: count }, (_, index) => withPart(file, index + 1))
}

/**
 * Returns why llama.cpp would not load a split model by this file, as a sentence that names it, or null.
 * @param split the keys `split.*` of the header: the number of the part, from 0, and the number of parts
 */
export function partFault (file: string, split: { no?: number, count?: number } | undefined): string | null {
  const name = path.basename(file)
  const named = PART.exec(name)
  if (named !== null) {
    return named[1] === '00001' ? null : `${name} is not the first part of its model: use ${withPart(name, 1)}`
  }
  const { no = 0, count = 1 } = split ?? {}
  if (count <= 1) return null
  const ending = `-${digits(no + 1)}-of-${digits(count)}.gguf`
  return `${name} is part ${no + 1} of ${count} of a split model: rename it so that it ends with ${ending}`
}

function withPart (file: string, part: number): string {
  return file.replace(PART, (_all, _part: string, of: string) => `-${digits(part)}-of-${of}.gguf`)
}

function digits (part: number): string {
  return String(part).padStart(5, '0')
}
