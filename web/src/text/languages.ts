/** The grammars, with the language names that models use for them. */
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

/** The grammar for the language name of a code fence, or null. */
export function grammarOf (language: string): string | null {
  return GRAMMARS.get(language.toLowerCase()) ?? null
}
