/** An instruction: its word in capitals, and the rest of its line with joined continuations. */
export interface Instruction { word: string, rest: string }
/** A build stage, which begins with FROM. */
export interface Stage { name: string, base: string, instructions: Instruction[] }

/**
 * Parses a Dockerfile without heredocs, and without escapes other than the backslash at the end of a line.
 * @param given build arguments, which take precedence over the defaults in the file
 * @throws Error on unknown syntax
 */
export function readDockerfile (text: string, given: Record<string, string>): Stage[] {
  const lines = text
    .split('\n')
    .filter(line => !line.startsWith('#'))
    .join('\n')
    .replace(/\s*\\\n\s*/g, ' ')
    .split('\n')
    .filter(line => line.trim() !== '')
  const args: Record<string, string> = {}
  const stages: Stage[] = []
  for (const line of lines) {
    const [, word = '', rest = ''] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? []
    const stage = stages.at(-1)
    if (word === 'FROM') {
      const [, base = '', name = ''] = /^(\S+) AS (\S+)$/.exec(expand(rest, args)) ?? []
      if (name === '') throw new Error(`the stage has no name: ${line}`)
      stages.push({ name, base, instructions: [] })
    } else if (stage) stage.instructions.push({ word, rest })
    else if (word === 'ARG') {
      const own = Object.entries(given).filter(([name]) => rest.startsWith(`${name}=`))
      Object.assign(args, assignments(rest), Object.fromEntries(own))
    } else throw new Error(`unknown instruction before the first FROM: ${line}`)
  }
  return stages
}

/** Parses `NAME=value OTHER="with blanks"`. */
export function assignments (rest: string): Record<string, string> {
  return Object.fromEntries(
    [...rest.matchAll(/(\w+)=(?:"([^"]*)"|(\S*))/g)].map(([, name, quoted, bare]) => [name, quoted ?? bare ?? ''])
  )
}

export function expand (text: string, variables: Record<string, string | undefined>): string {
  return text.replace(/\$\{(\w+)\}/g, (_, name: string) => variables[name] ?? '')
}

/** Returns a function that reports whether `.dockerignore` excludes a path. The last matching pattern decides. */
export function ignores (dockerignore: string): (path: string) => boolean {
  const patterns = dockerignore.split('\n').filter(line => line !== '' && !line.startsWith('#')).map(line => {
    const pattern = line.replace(/^!/, '').replaceAll('.', '\\.').replaceAll('*', '[^/]*')
    return { out: !line.startsWith('!'), regexp: new RegExp(`^${pattern}(/|$)`) }
  })
  return path => patterns.findLast(({ regexp }) => regexp.test(path))?.out ?? false
}
