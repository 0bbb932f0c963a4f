import type { CodePiece } from './code-piece.ts'
import { lazy } from './lazy.ts'

/** The highlighted beginning of a code block; the rest is shown without colours. */
export interface Coloured {
  code: string
  pieces: readonly CodePiece[]
  /** When to highlight again, in ms of `performance.now()`; 0 when everything is highlighted. */
  until: number
}

export const UNCOLOURED: Coloured = { code: '', pieces: [], until: 0 }
/** In characters. Longer code is not highlighted any further. */
const LONGEST = 100_000
/** The pause after each highlighting, as a multiple of its duration. It limits the cost for long code that grows. */
const RESTS = 5

const highlighter = lazy(() => import('./highlighter.ts'))

/**
 * Highlights code that may still grow.
 * @param last the previous result for the same code block
 */
export function colour (code: string, grammar: string, last: Coloured): Coloured {
  const loaded = highlighter()
  const start = performance.now()
  const grows = code.startsWith(last.code)
  if (loaded === null || code.length > LONGEST) return { ...grows ? last : UNCOLOURED, until: 0 }
  if (code === last.code || (grows && start < last.until)) return last
  const pieces = loaded.highlight(code, grammar)
  const end = performance.now()
  return { code, pieces, until: end + RESTS * (end - start) }
}
