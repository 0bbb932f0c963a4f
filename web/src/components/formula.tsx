import { useSignal } from '@preact/signals'
import { useLayoutEffect, useRef } from 'preact/hooks'
import { t } from '../i18n/index.ts'
import type { FormulaToken } from '../text/formula-rules.ts'
import { typesetter } from '../text/formulas.ts'
import { ScrollArea } from './scroll-area.tsx'

/**
 * A typeset formula. The source is shown while the formula is incomplete, until the typesetter is loaded, and when it
 * is not valid TeX.
 */
export function Formula ({ formula: { tex, isDisplay, isOpen } }: { formula: FormulaToken }) {
  const content = isOpen ? <Source tex={tex} /> : <Typeset tex={tex} isDisplay={isDisplay} />
  return isDisplay
    ? <ScrollArea class='markdown-formula-display' label={t('code.formula')}>{content}</ScrollArea>
    : content
}

function Typeset ({ tex, isDisplay }: Pick<FormulaToken, 'tex' | 'isDisplay'>) {
  const host = useRef<HTMLSpanElement>(null)
  const isFaulty = useSignal(false)
  const loaded = typesetter()
  useLayoutEffect(() => {
    if (loaded !== null && host.current !== null) isFaulty.value = !loaded.typeset(host.current, tex, isDisplay)
  }, [loaded, tex, isDisplay])
  return (
    <>
      {(loaded === null || isFaulty.value) && <Source tex={tex} />}
      <span ref={host} />
    </>
  )
}

function Source ({ tex }: { tex: string }) {
  return <code class='markdown-formula-source'>{tex}</code>
}
