export type Step = 'next' | 'previous' | 'first' | 'last'

/** The step that a key requests in a vertical list; null for other keys. */
export function stepOf (key: string): Step | null {
  return key === 'ArrowDown'
    ? 'next'
    : key === 'ArrowUp' ? 'previous' : key === 'Home' ? 'first' : key === 'End' ? 'last' : null
}

/** Moves the focus among elements and stops at both ends. Returns false when there are no elements. */
export function moveFocus (elements: Iterable<HTMLElement>, step: Step): boolean {
  const all = [...elements]
  const { activeElement } = document
  // The focused element may be another button in the same row.
  const row = activeElement?.closest('li')
  const at = all.findIndex(it => it === activeElement || row?.contains(it))
  const to = step === 'first' ? 0 : step === 'last' ? all.length - 1 : step === 'next' ? at + 1 : at - 1
  const next = all[Math.max(0, Math.min(all.length - 1, to))]
  next?.focus()
  next?.scrollIntoView({ block: 'nearest' })
  return next !== undefined
}
