/** Names that models write behind a fence, and the grammar that is meant. */
const ALIASES: Record<string, readonly string[]> = {
  json: ['json5', 'jsonc', 'jsonl', 'geojson'],
  javascript: ['js', 'jsx', 'mjs', 'cjs', 'node'],
  typescript: ['ts', 'tsx', 'mts', 'cts'],
  python: ['py', 'python3', 'ipython'],
  bash: ['sh', 'shell', 'zsh', 'console', 'shellscript'],
  xml: ['html', 'xhtml', 'svg', 'rss', 'vue'],
  css: [],
  sql: ['mysql', 'postgresql', 'postgres', 'sqlite', 'plsql'],
  yaml: ['yml'],
  markdown: ['md'],
  c: ['h'],
  cpp: ['c++', 'cc', 'hpp', 'cxx'],
  java: [],
  go: ['golang'],
  rust: ['rs']
}

const GRAMMARS = new Map(
  Object.entries(ALIASES).flatMap(([grammar, names]) => [grammar, ...names].map(name => [name, grammar] as const))
)

/** The grammar for a language as a fence names it, or null. */
export function grammarOf (language: string): string | null {
  return GRAMMARS.get(language.toLowerCase()) ?? null
}
