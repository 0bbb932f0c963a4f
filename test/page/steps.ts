import { readFileSync } from 'node:fs'
import path from 'node:path'
import type { Locator, Page } from 'playwright-core'
import { EXAMPLES } from '../helper.ts'
import type { ImageFile } from './images.ts'

/** Pictures that the embedded model describes right, with the words that it has for each. */
export const HEART = { file: example('00.png', 'image/png'), words: /blue heart on a white background/ }
export const CROSS =
  { file: example('02.jpg', 'image/jpeg'), words: /brown circle and a green cross on a white background/ }

function example (name: string, mimeType: string): ImageFile {
  return { name, mimeType, buffer: readFileSync(path.join(EXAMPLES, name)) }
}

/** Opens the page, as somebody who has perhaps been there before with these settings. */
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

/** Chooses pictures and waits until the page has looked at them. */
export async function choose (page: Page, ...files: ImageFile[]): Promise<void> {
  await page.locator('input[type=file][multiple]').setInputFiles(files)
}

/** Asks, and returns the answer that begins. */
export async function ask (page: Page, text: string): Promise<Locator> {
  const answers = page.locator('article.answer')
  const before = await answers.count()
  await question(page).fill(text)
  await page.getByRole('button', { name: /^(Send|发送)$/ }).click()
  const answer = answers.nth(before)
  await answer.waitFor()
  return answer
}

/** Waits until nothing more comes. */
export async function complete (answer: Locator): Promise<string> {
  await answer.and(answer.page().locator('[aria-busy=false]')).waitFor()
  return await answer.innerText()
}

/** An answer of thousands of tokens: what the schema demands takes the embedded model as long as that. */
export const LONG_ANSWER = { format: { type: 'schema', schema: JSON.stringify({ type: 'string', minLength: 20_000 }) } }

/** What a form held that the page sent: names of its fields, with the texts and the names of the files. */
export type SentForm = Array<[field: string, value: string]>

/** Takes note of the forms that the page sends; to be called before it is opened. Returns those that were sent so far. */
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
