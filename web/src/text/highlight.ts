import { lazy } from './lazy.ts'

/** Code with what it is: a name of highlight.js. */
export type CodePiece = string | { scope: string, content: CodePiece[] }

const LONGEST = 100_000

const highlighter = lazy(() => import('./highlighter.ts'))

/** The code in colours, once the highlighter is there; until then, and where it is too long for that, as it is. */
export function highlighted (code: string, grammar: string): CodePiece[] {
  if (code.length > LONGEST) return [code]
  return highlighter()?.highlight(code, grammar) ?? [code]
}
