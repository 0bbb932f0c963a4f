import { Locale } from 'typebox/system'
import type { TLocalizedValidationError } from 'typebox/error'
import type { Phrase } from '../language.ts'

/** What is wrong with a value, as a phrase that follows its name: `must be >= 1`. */
export function faultPhrase (error: TLocalizedValidationError): Exclude<Phrase, string> {
  return { en: error.message, zh: Locale.zh_Hans(error) }
}

/** How a sentence names the place of a fault: `stop`, `/0` → `stop[0]`. */
export function faultPlace (name: string, { instancePath }: TLocalizedValidationError): string {
  const steps = instancePath.split('/').slice(1)
  return name + steps.map(step => /^\d+$/.test(step) ? `[${step}]` : `.${step}`).join('')
}
