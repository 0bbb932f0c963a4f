import { computed, effect, signal } from '@preact/signals'
import { apiKey, keyWanted } from '../api/key.ts'
import { fetchStatus } from '../api/status.ts'
import { AskError } from '../api/failure.ts'
import type { Status } from '../api/types.ts'
import type { Limits } from '../model/image-file.ts'
import { abilityOf } from '../model/thinking.ts'

const POLL_MS = 5_000
/** The interval while the model is loading or the service is unreachable. */
const POLL_SOON_MS = 1_500

/** The last status of the service; null before the first response and when another key is needed. */
export const status = signal<Status | null>(null)
export const isReachable = signal(true)

const UNKNOWN_LIMITS: Limits = {
  maxImages: 8, maxFileSizeMb: 20, maxInputPixels: 100_000_000, maxAvifPixels: 50_000_000, maxHeicPixels: 50_000_000
}

export const limits = computed<Limits>(() => {
  const latest = status.value?.limits
  return {
    maxImages: latest?.max_images ?? UNKNOWN_LIMITS.maxImages,
    maxFileSizeMb: latest?.max_file_size_mb ?? UNKNOWN_LIMITS.maxFileSizeMb,
    maxInputPixels: latest?.max_input_pixels ?? UNKNOWN_LIMITS.maxInputPixels,
    maxAvifPixels: latest?.max_avif_pixels ?? UNKNOWN_LIMITS.maxAvifPixels,
    maxHeicPixels: latest?.max_heic_pixels ?? UNKNOWN_LIMITS.maxHeicPixels
  }
})

export const thinkingAbility = computed(() => abilityOf(status.value))

let timer: ReturnType<typeof setTimeout> | undefined

/** Polls the status now, and repeatedly while the page is visible. */
export async function watchService (): Promise<void> {
  clearTimeout(timer)
  try {
    status.value = await fetchStatus()
    isReachable.value = true
    keyWanted.value = 'no'
  } catch (error) {
    // A refusal proves that the service is reachable.
    isReachable.value = error instanceof AskError
  }
  clearTimeout(timer)
  // Without a valid key, every request would be refused.
  if (document.hidden || keyWanted.value !== 'no') return
  const isWell = isReachable.value && status.value?.status === 'ready'
  timer = setTimeout(() => { void watchService() }, isWell ? POLL_MS : POLL_SOON_MS)
}

document.addEventListener('visibilitychange', () => { if (!document.hidden) void watchService() })
// Polls at the start and after each change of the key.
effect(() => {
  void apiKey.value
  if (keyWanted.value === 'no') void watchService()
})
