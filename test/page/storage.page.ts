import type { Page } from 'playwright-core'
import type { Test } from 'tap'
import { startPage } from './start.ts'
import { ask, choose, complete, HEART, open } from './steps.ts'

export default async function (t: Test): Promise<void> {
  const { pageTest } = await startPage(t)

  /** The number of images that the browser stores. */
  async function countImages (page: Page): Promise<number> {
    return await page.evaluate(async () => await new Promise<number>((resolve, reject) => {
      const opening = indexedDB.open('sightline')
      opening.onerror = () => reject(opening.error)
      opening.onsuccess = () => {
        const counting = opening.result.transaction('pictures').objectStore('pictures').count()
        counting.onsuccess = () => {
          opening.result.close()
          resolve(counting.result)
        }
      }
    }))
  }

  async function removeConversation (page: Page): Promise<void> {
    await page.locator('.sidebar-row').first().hover()
    await page.locator('.sidebar-more').first().click()
    await page.getByRole('menuitem', { name: /^Delete/ }).click()
  }

  await pageTest('without storage the page works and shows a warning', {}, async (t, page) => {
    await page.addInitScript(
      () => { IDBFactory.prototype.open = () => { throw new DOMException('not here', 'SecurityError') } }
    )
    await open(page)
    await page.getByText('The browser keeps nothing here').waitFor()
    await choose(page, HEART.file)
    t.match(await complete(await ask(page, 'Describe the images.')), HEART.words)
    await page.getByRole('button', { name: 'New conversation' }).click()
    await page.locator('.sidebar-open').first().click()
    await page.locator('article.question img').waitFor()
    await removeConversation(page)
    await page.getByRole('button', { name: 'Undo' }).click()
    t.equal(await page.locator('.sidebar-open').count(), 1)
  })

  await pageTest('images of a deleted conversation are deleted when the undo expires', {}, async (t, page) => {
    await open(page)
    await choose(page, HEART.file)
    await complete(await ask(page, 'Describe the images.'))
    t.equal(await countImages(page), 1)
    await page.clock.install()
    await removeConversation(page)
    t.equal(await countImages(page), 1)
    await page.clock.runFor(11_000)
    t.equal(await countImages(page), 0)
  })

  await pageTest('images that a closed page left behind are deleted by the next one', {}, async (t, page) => {
    await open(page)
    await choose(page, HEART.file)
    await complete(await ask(page, 'Describe the images.'))
    await page.getByRole('button', { name: 'New conversation' }).click()
    await choose(page, HEART.file)
    await complete(await ask(page, 'Describe the images.'))
    await removeConversation(page)
    await page.clock.install()
    await page.reload()
    await page.locator('.sidebar-open').waitFor()
    t.equal(await page.locator('.sidebar-open').count(), 1)
    t.equal(await countImages(page), 2)
    await page.clock.runFor(31_000)
    t.equal(await countImages(page), 1, 'the image of the other conversation stays')
  })
}
