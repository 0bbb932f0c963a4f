const TICK_MS = 250

/**
 * Waits for so many seconds and tells how many are left, until somebody wakes it.
 * @throws the signal's reason once it fires
 */
export async function waitUntil (seconds: number, onTick: (left: number) => void, woken: Promise<void>, signal: AbortSignal): Promise<void> {
  const until = Date.now() + 1000 * seconds
  let isAwake = false
  void woken.then(() => { isAwake = true })
  while (!isAwake && Date.now() < until) {
    onTick(Math.ceil((until - Date.now()) / 1000))
    await new Promise<void>(resolve => {
      const timer = setTimeout(resolve, TICK_MS)
      const now = () => {
        clearTimeout(timer)
        resolve()
      }
      void woken.then(now)
      signal.addEventListener('abort', now, { once: true })
    })
    signal.throwIfAborted()
  }
}
