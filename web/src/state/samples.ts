import { computed, signal } from '@preact/signals'
import { newId } from '../model/conversation.ts'
import { readImageFile } from '../model/image-file.ts'
import type { Sample, SampleImage } from '../samples/samples.ts'
import { lazy } from '../text/lazy.ts'
import { t } from '../i18n/index.ts'
import { askQuestion, type NewImage } from './asking.ts'
import { current } from './conversations.ts'
import { draftImages } from './draft.ts'
import { registerImage } from './image-urls.ts'
import { notify } from './notice.ts'
import { runs } from './runs.ts'
import { limits, status } from './service.ts'

const loadSamples = lazy(() => import('../samples/samples.ts'))

/** The samples that suit the model and the limits of the service; empty while the model is unknown. */
export const samples = computed<readonly Sample[]>(() => {
  const model = status.value?.model
  // A model without a projector sees no images, and neither does one that is still loading.
  if (!model?.vision || draftImages.value.length > 0) return []
  const loaded = loadSamples()
  if (loaded === null) return []
  return (model.demo ? loaded.DEMO_SAMPLES : loaded.SAMPLES)
    .filter(({ images }) => images.length <= limits.value.maxImages)
})

const isLoading = signal(false)

/** Sends a sample as the first question of the current conversation. Returns false when it was not sent. */
export async function askSample ({ question, images, format }: Sample): Promise<boolean> {
  if (isLoading.value) return false
  isLoading.value = true
  const { id } = current.value
  try {
    const loaded = await Promise.all(images.map(load))
    // The user may have asked something else meanwhile.
    if (current.value.id !== id || current.value.turns.length > 0 || runs.value.has(id)) return false
    for (const { key, blob } of loaded) registerImage(key, blob)
    askQuestion(id, t(question), loaded, format)
    return true
  } catch (error) {
    console.warn(error)
    notify({ message: { key: 'sample.failed' } })
    return false
  } finally {
    isLoading.value = false
  }
}

async function load ({ name, url }: SampleImage): Promise<NewImage> {
  const response = await fetch(url)
  if (!response.ok) throw new Error(`${name}: status ${response.status}`)
  const blob = await response.blob()
  const { type, width, height } = await readImageFile(blob)
  return { key: newId(), name, type: type ?? blob.type, bytes: blob.size, width, height, id: null, blob }
}
