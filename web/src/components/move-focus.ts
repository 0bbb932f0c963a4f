export type Step = 'next' | 'previous' | 'first' | 'last'

/** What a key asks for in something that goes from top to bottom. */
export function stepOf (key: string): Step | null {
  return key === 'ArrowDown'
    ? 'next'
    : key === 'ArrowUp' ? 'previous' : key === 'Home' ? 'first' : key === 'End' ? 'last' : null
}

/** Moves the focus among elements; stays at the ends. Returns whether there was anywhere to go. */
export function moveFocus (elements: Iterable<HTMLElement>, step: Step): boolean {
  const all = [...elements]
  const { activeElement } = document
  // What has the focus may stand beside the element, in the same row.
  const row = activeElement?.closest('li')
  const at = all.findIndex(it => it === activeElement || row?.contains(it))
  const to = step === 'first' ? 0 : step === 'last' ? all.length - 1 : step === 'next' ? at + 1 : at - 1
  const next = all[Math.max(0, Math.min(all.length - 1, to))]
  next?.focus()
  next?.scrollIntoView({ block: 'nearest' })
  return next !== undefined
}
