import { useSignal } from '@preact/signals'
import type { RefObject } from 'preact'
import { useLayoutEffect } from 'preact/hooks'

/** The distance from the screen at which content is loaded, so that it is ready when it scrolls in. */
const MARGIN = '800px'

const listeners = new WeakMap<Element, (isNear: boolean) => void>()
// One observer for all elements, because a long conversation has hundreds of images.
const observer = new IntersectionObserver(entries => {
  for (const { target, isIntersecting } of entries) listeners.get(target)?.(isIntersecting)
}, { rootMargin: MARGIN, scrollMargin: MARGIN })

/** Whether an element is on or near the screen. */
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
