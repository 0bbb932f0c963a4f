import { effect, signal } from '@preact/signals'
import type { Format } from '../model/conversation.ts'
import type { RequestSettings } from '../model/form.ts'
import type { Sampling } from '../model/sampling.ts'
import type { Thinking } from '../model/thinking.ts'

export interface Settings extends RequestSettings {
  theme: 'system' | 'light' | 'dark'
  format: Format
}

const STORED_AS = 'sightline.settings'

export const NO_SAMPLING: Sampling =
  { max_tokens: null, temperature: null, top_p: null, top_k: null, min_p: null, repeat_penalty: null, seed: null }
const NO_THINKING: Thinking = { isOn: null, tokens: null }
const DEFAULTS: Settings = {
  system: '', sampling: NO_SAMPLING, stop: [], thinking: NO_THINKING, theme: 'system', format: { type: 'text' }
}

/** The settings for all conversations, stored in the browser. */
export const settings = signal<Settings>(stored())

export function changeSettings (changes: Partial<Settings>): void {
  settings.value = { ...settings.value, ...changes }
  localStorage.setItem(STORED_AS, JSON.stringify(settings.value))
}

const prefersDark = matchMedia('(prefers-color-scheme: dark)')
const systemScheme = signal(prefersDark.matches ? 'dark' : 'light')
prefersDark.addEventListener('change', () => { systemScheme.value = prefersDark.matches ? 'dark' : 'light' })

// Resolves the theme `system`, so that the style sheet needs only two schemes.
effect(() => {
  const { theme } = settings.value
  document.documentElement.dataset.scheme = theme === 'system' ? systemScheme.value : theme
})

function stored (): Settings {
  try {
    const { sampling, thinking, ...rest } = JSON.parse(localStorage.getItem(STORED_AS) ?? '{}') as Partial<Settings>
    return {
      ...DEFAULTS, ...rest, sampling: { ...NO_SAMPLING, ...sampling }, thinking: { ...NO_THINKING, ...thinking }
    }
  } catch {
    return DEFAULTS
  }
}
