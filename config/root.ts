import { existsSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

/** The folder of package.json, whether the code runs from its sources or from dist/. */
export const ROOT = findRoot(path.dirname(fileURLToPath(import.meta.url)))

function findRoot (dir: string): string {
  return existsSync(path.join(dir, 'package.json')) ? dir : findRoot(path.dirname(dir))
}
