import type { CodePiece } from './code-piece.ts'
import { lazy } from './lazy.ts'

/** The beginning of a code in colours, and the rest as it is. */
export interface Coloured {
  code: string
  pieces: readonly CodePiece[]
  /** When more of it may be coloured, in ms of `performance.now()`; 0: nothing more will be. */
  until: number
}

export const UNCOLOURED: Coloured = { code: '', pieces: [], until: 0 }
/** Characters; what is behind them stays as it is. */
const LONGEST = 100_000
/** Of the time that it takes: the colours of a long code that grows come a little later than its words. */
const RESTS = 5

const highlighter = lazy(() => import('./highlighter.ts'))

/** @param last what this code, shorter perhaps, was before */
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
