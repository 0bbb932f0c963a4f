import type { Test } from 'tap'
import { accessibilityFaults } from './accessibility.ts'
import { startPage } from './start.ts'
import { ask, choose, complete, HEART, question } from './steps.ts'

export default async function (t: Test): Promise<void> {
  const KEY = 'a-key-of-the-tests'

  const { pageTest } = await startPage(t, { API_KEYS: KEY })

  await pageTest('the key is requested once and kept for the tab', { allow: [/status of 401/] }, async (t, page) => {
    await page.goto('./')
    const dialog = page.getByRole('dialog', { name: 'This service asks for a key' })
    await dialog.waitFor()
    t.same(await accessibilityFaults(page), [])
    await page.keyboard.press('Escape')
    await page.getByRole('button', { name: 'Enter the key' }).click()
    await page.getByLabel('API key').fill('another')
    await page.keyboard.press('Enter')
    await page.getByText('The service does not take this key.').waitFor()
    // The page polls the status in the meantime.
    await page.waitForTimeout(4_000)
    t.ok(await page.getByText('The service does not take this key.').isVisible())
    await page.getByLabel('API key').fill(KEY)
    await page.keyboard.press('Enter')
    await dialog.waitFor({ state: 'hidden' })
    await choose(page, HEART.file)
    t.match(await complete(await ask(page, 'Describe the images.')), HEART.words)
    await page.reload()
    await page.getByText('3 of 3 slots free').waitFor()
    t.notOk(await dialog.isVisible())
    t.ok(await question(page).isVisible())
    t.equal(await page.evaluate(() => localStorage.getItem('sightline.key')), null, 'no longer than the tab')
  })
}
