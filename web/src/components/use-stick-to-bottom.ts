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
  /** The next change of the height does not move the content, because the reader opens or closes a part of it. */
  stay (): void
}

/**
 * Keeps the newest text visible while an answer grows. When the user has scrolled up, the content does not move.
 * @param follows false while the content is read from its top, as the start screen is
 */
export function useStickToBottom (follows: boolean): Stick {
  const area = useRef<HTMLDivElement>(null)
  const content = useRef<HTMLDivElement>(null)
  const isAway = useSignal(false)
  const stays = useRef(false)
  const following = useRef(follows)
  following.current = follows

  function toBottom (): void {
    isAway.value = false
    area.current?.scrollTo({ top: area.current.scrollHeight })
  }

  useEffect(() => {
    const element = area.current!
    let lastTop = element.scrollTop
    const onScroll = () => {
      const { scrollTop } = element
      // Growing content increases the distance too, so only scrolling up counts as a user action.
      if (isNearBottom(element)) isAway.value = false
      else if (following.current && scrollTop < lastTop) isAway.value = true
      lastTop = scrollTop
    }
    element.addEventListener('scroll', onScroll, { passive: true })
    const observer = new ResizeObserver(() => {
      if (stays.current) {
        stays.current = false
        isAway.value = !isNearBottom(element)
      } else if (following.current && !isAway.peek()) {
        element.scrollTop = element.scrollHeight
      }
    })
    observer.observe(content.current!)
    observer.observe(element)
    return () => {
      element.removeEventListener('scroll', onScroll)
      observer.disconnect()
    }
  }, [])

  return { area, content, isAway, toBottom, stay: () => { stays.current = true } }
}

function isNearBottom ({ scrollTop, scrollHeight, clientHeight }: Element): boolean {
  return scrollHeight - scrollTop - clientHeight < NEAR_PX
}
