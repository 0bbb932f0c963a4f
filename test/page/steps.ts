import { readFileSync } from 'node:fs'
import path from 'node:path'
import type { Locator, Page } from 'playwright-core'
import { EXAMPLES } from '../helper.ts'
import type { ImageFile } from './images.ts'

/** Images that the embedded model describes correctly, with the words it uses. */
export const HEART = { file: example('00.png', 'image/png'), words: /blue heart on a white background/ }
export const CROSS =
  { file: example('02.jpg', 'image/jpeg'), words: /brown circle and a green cross on a white background/ }

function example (name: string, mimeType: string): ImageFile {
  return { name, mimeType, buffer: readFileSync(path.join(EXAMPLES, name)) }
}

/** Opens the page, with these settings if none are stored yet. */
export async function open (page: Page, settings?: object): Promise<void> {
  if (settings) {
    await page.addInitScript(json => {
      if (localStorage.getItem('sightline.settings') === null) localStorage.setItem('sightline.settings', json)
    }, JSON.stringify(settings))
  }
  await page.goto('./')
  await question(page).waitFor()
}

export function question (page: Page): Locator {
  return page.locator('#question')
}

/** Chooses images in the file dialog. */
export async function choose (page: Page, ...files: ImageFile[]): Promise<void> {
  await page.locator('input[type=file][multiple]').setInputFiles(files)
}

/** Sends a question and returns the new answer. */
export async function ask (page: Page, text: string): Promise<Locator> {
  const answers = page.locator('article.answer')
  const before = await answers.count()
  await question(page).fill(text)
  await page.getByRole('button', { name: /^(Send|发送)$/ }).click()
  const answer = answers.nth(before)
  await answer.waitFor()
  return answer
}

/** Waits until the answer is complete and returns its text. */
export async function complete (answer: Locator): Promise<string> {
  await answer.and(answer.page().locator('[aria-busy=false]')).waitFor()
  return await answer.innerText()
}

/** Settings whose schema makes the embedded model write an answer of thousands of tokens. */
export const LONG_ANSWER = { format: { type: 'schema', schema: JSON.stringify({ type: 'string', minLength: 20_000 }) } }

/** The fields of a form that the page sent, with texts and file names as values. */
export type SentForm = Array<[field: string, value: string]>

/**
 * Records the forms that the page sends; call it before the page is opened. Returns a function that returns the
 * recorded forms.
 */
export async function watchForms (page: Page): Promise<() => Promise<SentForm[]>> {
  await page.addInitScript(() => {
    const sent: SentForm[] = []
    const send = XMLHttpRequest.prototype.send
    Object.assign(window, { sent })
    XMLHttpRequest.prototype.send = function (body) {
      if (body instanceof FormData) {
        sent.push(Array.from(body, ([field, value]) => [field, typeof value === 'string' ? value : value.name]))
      }
      send.call(this, body)
    }
  })
  return async () => await page.evaluate(() => (window as unknown as { sent: SentForm[] }).sent)
}
