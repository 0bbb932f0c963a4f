import type { Test } from 'tap'
import { startPage } from './start.ts'
import { ask, complete, open, watchForms } from './steps.ts'

export default async function (t: Test): Promise<void> {
  const { pageTest } = await startPage(t)

  await pageTest('valid settings are sent, invalid ones are not', {}, async (t, page) => {
    const sent = await watchForms(page)
    await open(page)
    await page.getByRole('button', { name: 'Settings' }).first().click()
    t.equal(await page.getByLabel('Most tokens of the thoughts').count(), 0)
    await page.getByLabel('System prompt').fill('Be brief.')
    await page.getByLabel('Seed').fill('４２')
    await page.getByLabel('Most tokens').fill('5')
    await page.getByLabel('Most tokens').fill('0')
    await page.getByLabel('Temperature').fill('2.5')
    await page.getByLabel('Stop strings').fill('one\n\ntwo')
    t.same(await page.locator('.fault').allInnerTexts().then(all => all.filter(Boolean)), [
      'A whole number between 1 and 131,072', 'Between 0 and 2'
    ])
    await page.getByRole('dialog').getByRole('button', { name: 'Close' }).click()
    await complete(await ask(page, 'Hi'))
    t.same((await sent())[0]!.filter(([name]) => name !== 'message'), [
      ['system', 'Be brief.'], ['max_tokens', '5'], ['seed', '42'], ['stop', '["one","two"]']
    ])

    await page.getByRole('button', { name: 'Settings' }).first().click()
    await page.getByRole('button', { name: 'Back to defaults' }).click()
    t.equal(await page.getByLabel('Temperature').inputValue(), '')
    await page.keyboard.press('Escape')
    await page.getByRole('button', { name: 'New conversation' }).click()
    await complete(await ask(page, 'Hi'))
    t.same((await sent())[1]!.map(([name]) => name), ['message'])
    t.equal(await page.getByText('Think first').count(), 0, 'the embedded model never thinks')
  })
}
