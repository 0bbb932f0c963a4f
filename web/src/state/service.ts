import { computed, effect, signal } from '@preact/signals'
import { apiKey, keyWanted } from '../api/key.ts'
import { fetchStatus } from '../api/status.ts'
import { AskError } from '../api/failure.ts'
import type { Status } from '../api/types.ts'
import type { Limits } from '../model/image-file.ts'

const POLL_MS = 5_000
/** While the model is being loaded or the service is gone. */
const POLL_SOON_MS = 1_500

/** What the service last said of itself; null before, and where it wants another key. */
export const status = signal<Status | null>(null)
export const isReachable = signal(true)

const UNKNOWN_LIMITS: Limits =
  { maxImages: 8, maxFileSizeMb: 20, maxInputPixels: 100_000_000, maxAvifPixels: 50_000_000 }

export const limits = computed<Limits>(() => {
  const told = status.value?.limits
  return {
    maxImages: told?.max_images ?? UNKNOWN_LIMITS.maxImages,
    maxFileSizeMb: told?.max_file_size_mb ?? UNKNOWN_LIMITS.maxFileSizeMb,
    maxInputPixels: told?.max_input_pixels ?? UNKNOWN_LIMITS.maxInputPixels,
    maxAvifPixels: told?.max_avif_pixels ?? UNKNOWN_LIMITS.maxAvifPixels
  }
})

let timer: ReturnType<typeof setTimeout> | undefined

/** Asks now, and then again and again while somebody looks at the page. */
export async function watchService (): Promise<void> {
  clearTimeout(timer)
  try {
    status.value = await fetchStatus()
    isReachable.value = true
    keyWanted.value = 'no'
  } catch (error) {
    // Refused is reached.
    isReachable.value = error instanceof AskError
  }
  clearTimeout(timer)
  // Without a key there is nothing to be learned.
  if (document.hidden || keyWanted.value !== 'no') return
  const isWell = isReachable.value && status.value?.status === 'ready'
  timer = setTimeout(() => { void watchService() }, isWell ? POLL_MS : POLL_SOON_MS)
}

document.addEventListener('visibilitychange', () => { if (!document.hidden) void watchService() })
// A new key, and the first look.
effect(() => {
  void apiKey.value
  if (keyWanted.value === 'no') void watchService()
})
