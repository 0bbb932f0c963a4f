import { computed, effect, signal } from '@preact/signals'
import { t } from '../i18n/index.ts'
import { hasWords, wordsOf } from '../model/search.ts'
import { conversations } from './conversations.ts'
import { announcement } from './notice.ts'

const DEBOUNCE_MS = 150

/** The text in the search field. */
export const query = signal('')
/** The text that is searched, updated after a delay. */
const settledQuery = signal('')

effect(() => {
  const now = query.value
  if (now === '') {
    settledQuery.value = ''
    return
  }
  const timer = setTimeout(() => {
    settledQuery.value = now
    if (searchWords.peek().length > 0) announcement.value = t('list.found', { count: found.peek().length })
  }, DEBOUNCE_MS)
  return () => clearTimeout(timer)
})

export const searchWords = computed<readonly string[]>(() => wordsOf(settledQuery.value))
/** The matching conversations; all of them when the search is empty. */
export const found = computed(() => {
  const words = searchWords.value
  return words.length === 0 ? conversations.value : conversations.value.filter(it => hasWords(it, words))
})
