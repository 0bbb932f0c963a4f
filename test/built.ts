import { readdirSync, statSync } from 'node:fs'
import path from 'node:path'
import { ROOT } from '../config/root.ts'

const SOURCES =
  ['commands', 'config', 'errors', 'plugins', 'routes', 'schemas', 'services', 'native', 'models', 'tools/evaluation']

/**
 * True when `dist/` is newer than every source, as after `npm run build`. The tests then start child processes from
 * `dist/`: no TypeScript loader has to process node-llama-cpp's hundreds of modules, so a start takes a third of the
 * time.
 */
export const isBuilt = isCurrent()

export function builtFile (name: string): string {
  return path.join(ROOT, 'dist', name)
}

function isCurrent (): boolean {
  const built = statSync(builtFile('.tsbuildinfo'), { throwIfNoEntry: false })
  return built !== undefined && newest(ROOT, false) < built.mtimeMs &&
    SOURCES.every(dir => newest(path.join(ROOT, dir), true) < built.mtimeMs)
}

/** The modification time of the newest source in a folder, in milliseconds. */
function newest (dir: string, recursive: boolean): number {
  const files = readdirSync(dir, { recursive, encoding: 'utf8' }).filter(file => file.endsWith('.ts'))
  return Math.max(0, ...files.map(file => statSync(path.join(dir, file)).mtimeMs))
}
