import type { Page } from 'playwright-core'
import type { Test } from 'tap'
import { startPage } from './start.ts'
import { HEART, open } from './steps.ts'

export default async function (t: Test): Promise<void> {
  const { pageTest } = await startPage(t)

  const QUESTIONS = 60
  const IMAGES = 4

  /** Stores a long conversation. */
  async function remember (page: Page): Promise<void> {
    await page.evaluate(async ({ questions, images, base64 }) => {
      const database = await new Promise<IDBDatabase>((resolve, reject) => {
        const request = indexedDB.open('sightline')
        request.onsuccess = () => resolve(request.result)
        request.onerror = () => reject(request.error)
      })
      const blob =
        new Blob([Uint8Array.from(atob(base64), character => character.charCodeAt(0))], { type: 'image/png' })
      const at = Date.now() - 86_400_000
      const transaction = database.transaction(['conversations', 'pictures'], 'readwrite')
      const turns = Array.from({ length: questions }, (_, i) => [
        {
          id: `q${i}`,
          role: 'user',
          text: `Question ${i}`,
          at,
          pictures: Array.from({ length: images }, (_, j) => ({
            key: `p${i}-${j}`,
            name: `p${i}-${j}.png`,
            type: 'image/png',
            bytes: blob.size,
            width: 120,
            height: 160,
            id: null
          }))
        },
        {
          id: `a${i}`,
          role: 'assistant',
          text: 'An answer.',
          at,
          state: 'stopped',
          format: { type: 'text' },
          failure: null,
          receipts: [],
          done: null
        }
      ]).flat()
      for (const { pictures = [] } of turns) {
        for (const { key } of pictures) transaction.objectStore('pictures').put({ key, conversation: 'c', blob })
      }
      transaction.objectStore('conversations').put({ id: 'c', title: 'Long ago', turns, createdAt: at, updatedAt: at })
      await new Promise((resolve, reject) => {
        transaction.oncomplete = resolve
        transaction.onerror = () => reject(transaction.error)
      })
      database.close()
    }, { questions: QUESTIONS, images: IMAGES, base64: HEART.file.buffer.toString('base64') })
  }

  await pageTest('of hundreds of images only those near the screen are loaded', {}, async (t, page) => {
    await page.addInitScript(() => {
      const live = new Set<string>()
      const { createObjectURL, revokeObjectURL } = URL
      URL.createObjectURL = object => {
        const url = createObjectURL.call(URL, object)
        live.add(url)
        return url
      }
      URL.revokeObjectURL = url => {
        live.delete(url)
        revokeObjectURL.call(URL, url)
      }
      Object.assign(window, { live })
    })
    await open(page)
    await remember(page)
    await page.reload()
    await page.getByText('Long ago').first().click()
    const held = async () => await page.evaluate(() => (window as unknown as { live: Set<string> }).live.size)
    let most = 0
    for (const i of [QUESTIONS - 1, 30, 0, 45, 15, QUESTIONS - 1]) {
      const image = page.getByTitle(`p${i}-0.png`)
      await image.scrollIntoViewIfNeeded()
      const width = await image.locator('img').evaluate((image: HTMLImageElement) =>
        image.decode().then(() => image.naturalWidth))
      t.equal(width, 120, `question ${i} shows its picture`)
      most = Math.max(most, await held())
    }
    t.ok(most < QUESTIONS * IMAGES / 2, `at most ${most} of ${QUESTIONS * IMAGES}`)
    await page.getByRole('button', { name: 'New conversation' }).first().click()
    // Only a few images stay loaded for scrolling back.
    await page.waitForFunction(() => (window as unknown as { live: Set<string> }).live.size <= 16)
  })
}
