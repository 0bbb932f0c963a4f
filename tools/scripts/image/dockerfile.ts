/** One instruction: its word in capitals, and the rest of its line with continuations joined. */
export interface Instruction { word: string, rest: string }
/** What begins with a FROM. */
export interface Stage { name: string, base: string, instructions: Instruction[] }

/**
 * Reads as much of the Dockerfile's language as our own uses: no heredocs, no escapes but the backslash at the end of a line.
 * @param given build arguments, before the defaults of the file
 * @throws Error on what it does not know
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
      if (name === '') throw new Error(`this stage has no name: ${line}`)
      stages.push({ name, base, instructions: [] })
    } else if (stage) stage.instructions.push({ word, rest })
    else if (word === 'ARG') {
      Object.assign(
        args, assignments(rest), Object.fromEntries(Object.entries(given).filter(([name]) => rest.startsWith(`${name}=`)))
      )
    } else throw new Error(`not known before the first FROM: ${line}`)
  }
  return stages
}

/** `NAME=value OTHER="with blanks"` as an object. */
export function assignments (rest: string): Record<string, string> {
  return Object.fromEntries(
    [...rest.matchAll(/(\w+)=(?:"([^"]*)"|(\S*))/g)].map(([, name, quoted, bare]) => [name, quoted ?? bare ?? ''])
  )
}

export function expand (text: string, variables: Record<string, string | undefined>): string {
  return text.replace(/\$\{(\w+)\}/g, (_, name: string) => variables[name] ?? '')
}

/** Whether `.dockerignore` leaves a path out: the last pattern that it matches decides. */
export function ignores (dockerignore: string): (path: string) => boolean {
  const patterns = dockerignore.split('\n').filter(line => line !== '' && !line.startsWith('#')).map(line => {
    const pattern = line.replace(/^!/, '').replaceAll('.', '\\.').replaceAll('*', '[^/]*')
    return { out: !line.startsWith('!'), regexp: new RegExp(`^${pattern}(/|$)`) }
  })
  return path => patterns.findLast(({ regexp }) => regexp.test(path))?.out ?? false
}
