/**
 * Installs @fugood/llama.node, a contender, for the benchmark alone: it never becomes a dependency of the project. Its
 * llama.cpp is its own, kernels included, so what it shows are two packages side by side, not two ways of scheduling.
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

/** Null, or why it cannot be started. */
export function llamaNodeMissing (): string | null {
  const modules = path.join(LLAMA_NODE_DIR, 'node_modules/@fugood')
  if (!existsSync(path.join(modules, 'llama.node/package.json'))) return 'npm run bench:llama-node installs it'
  const binary = `node-llama-${process.platform}-${process.arch}`
  return existsSync(path.join(modules, binary, 'index.node')) ? null : `@fugood/${binary} has no binary`
}

function install (): void {
  if (llamaNodeMissing() === null) return
  mkdirSync(LLAMA_NODE_DIR, { recursive: true })
  // With a package.json of its own npm does not climb to the project's.
  writeFileSync(path.join(LLAMA_NODE_DIR, 'package.json'), JSON.stringify({ private: true }))
  execFileSync('npm', [
    'install', '--prefix', LLAMA_NODE_DIR, '--no-save', '--no-package-lock', '--ignore-scripts', '--no-audit', '--no-fund',
    // The binary of this machine is named, and those for GPUs and browsers (270 MB) stay away.
    '--omit=optional', `@fugood/llama.node@${LLAMA_NODE_VERSION}`, `@fugood/node-llama-${process.platform}-${process.arch}@${LLAMA_NODE_VERSION}`
  ], { cwd: LLAMA_NODE_DIR, stdio: 'inherit' })
  const missing = llamaNodeMissing()
  if (missing) throw new Error(missing)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) install()
