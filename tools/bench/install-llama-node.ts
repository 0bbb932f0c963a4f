/**
 * Installs the contender @fugood/llama.node for the benchmarks only. It is not a dependency of the project. It contains
 * its own llama.cpp with its own kernels, so a comparison with it compares packages, not only scheduling.
 *
 *   npm run bench:llama-node
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { BUILD_DIR } from './lib/paths.ts'

export const LLAMA_NODE_VERSION = '1.7.15'
export const LLAMA_NODE_DIR = path.join(BUILD_DIR, `llama-node-${LLAMA_NODE_VERSION}`)

/** @returns the reason why the contender cannot start, or null */
export function llamaNodeMissing (): string | null {
  const modules = path.join(LLAMA_NODE_DIR, 'node_modules/@fugood')
  if (!existsSync(path.join(modules, 'llama.node/package.json'))) return 'install it with npm run bench:llama-node'
  const binary = `node-llama-${process.platform}-${process.arch}`
  return existsSync(path.join(modules, binary, 'index.node')) ? null : `@fugood/${binary} has no binary`
}

function install (): void {
  if (llamaNodeMissing() === null) return
  mkdirSync(LLAMA_NODE_DIR, { recursive: true })
  // Without a package.json here, npm would use the project's.
  writeFileSync(path.join(LLAMA_NODE_DIR, 'package.json'), JSON.stringify({ private: true }))
  execFileSync('npm', [
    'install', '--prefix', LLAMA_NODE_DIR, '--no-save', '--no-package-lock', '--ignore-scripts', '--no-audit',
    // Omits the binaries for GPUs and browsers (270 MB). The binary for this machine is named.
    '--no-fund', '--omit=optional', `@fugood/llama.node@${LLAMA_NODE_VERSION}`,
    `@fugood/node-llama-${process.platform}-${process.arch}@${LLAMA_NODE_VERSION}`
  ], { cwd: LLAMA_NODE_DIR, stdio: 'inherit' })
  const missing = llamaNodeMissing()
  if (missing) throw new Error(missing)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) install()
