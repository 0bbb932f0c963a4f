import { computed, signal } from '@preact/signals'
import { en, type Key } from './en.ts'
import { zh } from './zh.ts'

export type { Key }
export type Language = 'en' | 'zh'
export type Values = Record<string, string | number>
/** A sentence by its key, translated when it is shown. */
export interface Message { key: Key, values?: Values }

const STORED_AS = 'sightline.language'
const TEXTS: Record<Language, Record<Key, string>> = { en, zh }

export const LANGUAGES: ReadonlyArray<{ id: Language, name: string }> =
  [{ id: 'en', name: 'English' }, { id: 'zh', name: '中文' }]
export const language = signal<Language>(stored() ?? preferred())
/** The language tag of the document, of numbers and dates, and of `Accept-Language`. */
export const locale = computed(() => language.value === 'zh' ? 'zh-CN' : 'en')

export function setLanguage (id: Language): void {
  language.value = id
  localStorage.setItem(STORED_AS, id)
}

/** The sentence in the chosen language. A component that calls this is rendered again when the language changes. */
export function t (key: Key, values: Values = {}): string {
  return TEXTS[language.value][key].replace(/\{(\w+)\}/g, (place, name: string) => String(values[name] ?? place))
}

export function translate ({ key, values }: Message): string {
  return t(key, values)
}

const UNITS = ['B', 'kB', 'MB', 'GB']

/** Formats a size, for example `1.2 MB`. */
export function formatBytes (bytes: number): string {
  const power = Math.min(UNITS.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3)))
  return `${formatNumber(bytes / 1000 ** power, power === 0 ? 0 : 1)} ${UNITS[power]}`
}

export function formatNumber (value: number, digits = 0): string {
  return new Intl.NumberFormat(locale.value, { maximumFractionDigits: digits }).format(value)
}

function stored (): Language | null {
  const id = localStorage.getItem(STORED_AS)
  return id === 'en' || id === 'zh' ? id : null
}

function preferred (): Language {
  const first = navigator.languages.find(tag => /^(en|zh)\b/i.test(tag))
  return first?.toLowerCase().startsWith('zh') ? 'zh' : 'en'
}
