import { useSignal } from '@preact/signals'
import type { RefObject } from 'preact'
import { useLayoutEffect } from 'preact/hooks'

/** How far beyond the screen something is near: what scrolls in should be there already. */
const MARGIN = '800px'

const listeners = new WeakMap<Element, (isNear: boolean) => void>()
// One for all: a long conversation has hundreds of pictures.
const observer = new IntersectionObserver(entries => {
  for (const { target, isIntersecting } of entries) listeners.get(target)?.(isIntersecting)
}, { rootMargin: MARGIN, scrollMargin: MARGIN })

/** Whether an element is on the screen or almost. */
export function useNearness (ref: RefObject<Element | null>): boolean {
  const isNear = useSignal(false)
  useLayoutEffect(() => {
    const element = ref.current
    if (!element) return
    listeners.set(element, now => { isNear.value = now })
    observer.observe(element)
    return () => { observer.unobserve(element) }
  }, [])
  return isNear.value
}
