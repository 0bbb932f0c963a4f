/** `.ts` when the process runs from the sources, and `.js` when it runs from `dist/`. */
const EXTENSION = import.meta.url.slice(import.meta.url.lastIndexOf('.'))

/**
 * Returns the URL of a worker thread's program. Sources need a loader for TypeScript, which threads do not inherit.
 * @param name path of the program without its extension
 * @param base `import.meta.url` of the module to which the path is relative
 * @example
 * new Worker(threadProgram('./grammar-thread', import.meta.url), { execArgv: [] })
 */
export function threadProgram (name: string, base: string): URL {
  const file = new URL(`${name}${EXTENSION}`, base)
  if (EXTENSION !== '.ts') return file
  const loader = import.meta.resolve('tsx/esm/api')
  const code =
    `import { register } from ${JSON.stringify(loader)}; register(); await import(${JSON.stringify(file.href)})`
  return new URL(`data:text/javascript,${encodeURIComponent(code)}`)
}
