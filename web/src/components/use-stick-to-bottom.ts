import { useSignal, type Signal } from '@preact/signals'
import type { RefObject } from 'preact'
import { useEffect, useRef } from 'preact/hooks'

/** Distances below this count as the bottom. */
const NEAR_PX = 48

export interface Stick {
  area: RefObject<HTMLDivElement | null>
  content: RefObject<HTMLDivElement | null>
  /** Whether the user has scrolled up to read. */
  isAway: Signal<boolean>
  toBottom (): void
}

/** Keeps the newest text visible while an answer grows. When the user has scrolled up, the content does not move. */
export function useStickToBottom (): Stick {
  const area = useRef<HTMLDivElement>(null)
  const content = useRef<HTMLDivElement>(null)
  const isAway = useSignal(false)

  function toBottom (): void {
    isAway.value = false
    area.current?.scrollTo({ top: area.current.scrollHeight })
  }

  useEffect(() => {
    const element = area.current!
    let lastTop = element.scrollTop
    const onScroll = () => {
      const { scrollTop, scrollHeight, clientHeight } = element
      const isNear = scrollHeight - scrollTop - clientHeight < NEAR_PX
      // Growing content increases the distance too, so only scrolling up counts as a user action.
      if (isNear) isAway.value = false
      else if (scrollTop < lastTop) isAway.value = true
      lastTop = scrollTop
    }
    element.addEventListener('scroll', onScroll, { passive: true })
    const observer = new ResizeObserver(() => { if (!isAway.peek()) element.scrollTop = element.scrollHeight })
    observer.observe(content.current!)
    observer.observe(element)
    return () => {
      element.removeEventListener('scroll', onScroll)
      observer.disconnect()
    }
  }, [])

  return { area, content, isAway, toBottom }
}
