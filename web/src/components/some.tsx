import { useSignal } from '@preact/signals'
import type { ComponentChild } from 'preact'
import { t } from '../i18n/index.ts'

const STEP = 100

export interface SomeProps<T> {
  of: readonly T[]
  item: (value: T, index: number) => ComponentChild
  /** Wraps the button that shows more items, to fit the element around them. */
  more: (button: ComponentChild) => ComponentChild
}

/** Shows the first items of a long list, and a button for the next ones. */
export function Some<T> ({ of, item, more }: SomeProps<T>) {
  const shown = useSignal(STEP)
  const next = Math.min(STEP, of.length - shown.value)
  return (
    <>
      {of.slice(0, shown.value).map(item)}
      {next > 0 && more(
        <button type='button' class='button' onClick={() => { shown.value += STEP }}>
          {t('json.more', { count: next, total: of.length })}
        </button>
      )}
    </>
  )
}
