import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'

/** More often than a second, so that none is left out. */
const TICK_MS = 250

/** The whole seconds since a time. The component is rendered again only when they change. */
export function useSeconds (since: number): number {
  const seconds = useSignal(secondsSince(since))
  useEffect(() => {
    const timer = setInterval(() => { seconds.value = secondsSince(since) }, TICK_MS)
    return () => clearInterval(timer)
  }, [since])
  return seconds.value
}

function secondsSince (since: number): number {
  return Math.max(0, Math.floor((Date.now() - since) / 1000))
}
