const TICK_MS = 250

/**
 * Waits for a number of seconds and reports the seconds left. The promise `woken` ends the wait early.
 * @throws the signal's reason when it aborts
 */
export function waitUntil (
  seconds: number, onTick: (left: number) => void, woken: Promise<void>, signal: AbortSignal
): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted()
    const until = Date.now() + 1000 * seconds
    const tick = () => {
      const left = until - Date.now()
      if (left > 0) onTick(Math.ceil(left / 1000))
      else end(resolve)
    }
    const timer = setInterval(tick, TICK_MS)
    const onAbort = () => end(() => reject(signal.reason))
    function end (settle: () => void): void {
      clearInterval(timer)
      signal.removeEventListener('abort', onAbort)
      settle()
    }
    signal.addEventListener('abort', onAbort)
    void woken.then(() => end(resolve))
    tick()
  })
}
