import { useSignal } from '@preact/signals'
import { useEffect, useMemo, useRef } from 'preact/hooks'
import type { CodePiece } from '../text/code-piece.ts'
import { colour, UNCOLOURED } from '../text/highlight.ts'
import '../styles/highlight.css'

export interface ColouredCodeProps { code: string, grammar: string }

/** Shows code with syntax highlighting as soon as the highlighter is loaded. */
export function ColouredCode ({ code, grammar }: ColouredCodeProps) {
  const last = useRef(UNCOLOURED)
  const looks = useSignal(0)
  const coloured = colour(code, grammar, last.current)
  last.current = coloured
  const rest = code.slice(coloured.code.length)
  const { pieces, until } = coloured
  // If no more text arrives, this timer colours the rest of the code.
  useEffect(() => {
    if (rest === '' || until === 0) return
    const timer = setTimeout(() => { looks.value++ }, Math.max(0, until - performance.now()))
    return () => clearTimeout(timer)
  }, [rest, until, looks.value])
  const drawn = useMemo(() => <Pieces pieces={pieces} />, [pieces])
  return <>{drawn}{rest}</>
}

function Pieces ({ pieces }: { pieces: readonly CodePiece[] }) {
  return (
    <>
      {pieces.map((piece, i) => typeof piece === 'string'
        ? piece
        : <span key={i} class={classOf(piece.scope)}><Pieces pieces={piece.content} /></span>)}
    </>
  )
}

/** The scope `title.function` has the style of `title` unless it has its own. */
function classOf (scope: string): string {
  return scope.split('.').map(part => `hl-${part}`).join(' ')
}
