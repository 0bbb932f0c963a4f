import { readFileSync } from 'node:fs'
import type { Download, Locator, Page } from 'playwright-core'
import type { Test } from 'tap'
import { accessibilityFaults } from './accessibility.ts'
import { startPage } from './start.ts'
import { ask, choose, complete, CROSS, HEART, LONG_ANSWER, open, question } from './steps.ts'

export default async function (t: Test): Promise<void> {
  const { pageTest } = await startPage(t)

  const rows = (page: Page): Locator => page.locator('.sidebar-open')
  const search = (page: Page): Locator => page.getByRole('textbox', { name: 'Search conversations' })

  /** Creates two conversations; the one about the heart is older. */
  async function talk (page: Page): Promise<void> {
    await open(page)
    await choose(page, HEART.file)
    await complete(await ask(page, 'Describe the image.'))
    await page.getByRole('button', { name: 'New conversation' }).click()
    await choose(page, CROSS.file)
    await complete(await ask(page, 'And ＣＯＬＯＵＲＳ?'))
  }

  async function downloaded (page: Page, start: () => Promise<void>): Promise<{ name: string, text: string }> {
    const [download] = await Promise.all([page.waitForEvent('download') as Promise<Download>, start()])
    return { name: download.suggestedFilename(), text: readFileSync(await download.path(), 'utf8') }
  }

  async function chooseFor (page: Page, row: number, item: RegExp | string): Promise<void> {
    await page.locator('.sidebar-row').nth(row).hover()
    await page.locator('.sidebar-more').nth(row).click()
    await page.getByRole('menuitem', { name: item }).click()
  }

  await pageTest('conversations are stored, searched and reached by the arrow keys', {}, async (t, page) => {
    await talk(page)
    await page.reload()
    await rows(page).nth(1).waitFor()
    t.same(await rows(page).allInnerTexts(), ['And ＣＯＬＯＵＲＳ?', 'Describe the image.'])
    await search(page).fill('colours AND')
    await page.getByText('Describe the image.').waitFor({ state: 'detached' })
    t.same(await page.locator('.sidebar-title mark').allInnerTexts(), ['And', 'ＣＯＬＯＵＲＳ'])
    await search(page).fill('heart')
    await page.locator('.sidebar-excerpt mark').waitFor()
    t.same(
      await rows(page).allInnerTexts(), ['Describe the image.\nA blue heart on a white background.'],
      'by what the answer says'
    )
    t.same(await accessibilityFaults(page), [])
    await page.keyboard.press('Escape')
    await rows(page).nth(1).waitFor()
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('Enter')
    await page.getByText(HEART.words).waitFor()
    t.equal(await page.locator('.sidebar-open[aria-current]').innerText(), 'Describe the image.')
  })

  await pageTest('undo restores a deleted conversation with its images', {}, async (t, page) => {
    await talk(page)
    await chooseFor(page, 1, /^Delete/)
    await page.getByText('Conversation deleted').waitFor()
    t.equal(await rows(page).count(), 1)
    await page.getByRole('button', { name: 'Undo' }).click()
    await page.reload()
    await rows(page).nth(1).click()
    await page.locator('article.question img').waitFor()
  })

  await pageTest('deleting a conversation with a running answer frees its slot', {}, async (t, page) => {
    await open(page, LONG_ANSWER)
    await ask(page, 'Go on')
    await page.locator('.sidebar-dot').waitFor()
    await chooseFor(page, 0, /^Delete/)
    await page.getByText('3 of 3 slots free').waitFor()
    await page.getByRole('button', { name: 'Undo' }).click()
    await rows(page).first().click()
    await page.getByText('Stopped').waitFor()
  })

  await pageTest('undo restores a replaced answer and stops the new one', {}, async (t, page) => {
    await open(page)
    const answer = await ask(page, 'Hi')
    const before = await complete(answer)
    await page.evaluate(() => localStorage.setItem(
      'sightline.settings',
      JSON.stringify({ format: { type: 'schema', schema: '{"type":"string","minLength":20000}' } })
    ))
    await page.reload()
    await rows(page).first().click()
    await answer.getByRole('button', { name: 'Answer again' }).click()
    await page.getByRole('button', { name: 'Undo' }).click()
    await page.getByText('3 of 3 slots free').waitFor()
    t.equal((await complete(answer)).split('\n')[0], before.split('\n')[0])
  })

  await pageTest('conversations are exported, and imported again with their images', {}, async (t, page) => {
    await talk(page)
    const markdown = await downloaded(page, () => chooseFor(page, 1, 'Export as Markdown'))
    t.equal(markdown.name, 'Describe the image.md')
    t.match(markdown.text, /^# Describe the image\.\n/)
    t.match(markdown.text, new RegExp(`!\\[Picture 1: 00.png\\]\\(data:image/png;base64,${HEART.file.buffer
      .toString('base64')
      .slice(0, 40)
      .replaceAll(/[+/]/g, '\\$&')}`))
    t.match(markdown.text, HEART.words)
    t.match(markdown.text, /\| Picture 1 \| 120 × 160 \| 112 × 168 \| \d+ \|/)

    const all = await downloaded(page, () => page.getByRole('button', { name: 'Export all as JSON' }).click())
    const exported = JSON.parse(all.text)
    t.match(exported, {
      format: 'sightline-conversations',
      version: 1,
      conversations: [{ title: 'And ＣＯＬＯＵＲＳ?' }, { title: 'Describe the image.' }]
    })
    t.equal(
      exported.conversations[1].turns[0].pictures[0].data,
      `data:image/png;base64,${HEART.file.buffer.toString('base64')}`
    )

    await page.getByRole('button', { name: 'Settings' }).first().click()
    await page.getByRole('button', { name: 'Delete all conversations' }).click()
    await page.getByText('Delete all 2 conversations').waitFor()
    await page.getByRole('button', { name: 'Delete all', exact: true }).click()
    const give = async (value: unknown) => await page.getByRole('dialog').locator('input[type=file]').setInputFiles({
      name: 'x.json', mimeType: 'application/json', buffer: Buffer.from(JSON.stringify(value))
    })
    const faulty = structuredClone(exported)
    faulty.conversations[1].turns[1].text = 5
    await give(faulty)
    await page.getByText('At conversations[1].turns[1].text the file should have: string').waitFor()
    await give(exported)
    await page.getByText('Conversations added: 2').waitFor()
    await page.keyboard.press('Escape')
    await page.reload()
    await rows(page).filter({ hasText: 'Describe' }).click()
    await page.locator('article.question img').waitFor()
    const again =
      JSON.parse((await downloaded(page, () => page.getByRole('button', { name: 'Export all as JSON' }).click())).text)
    t.same(again.conversations, exported.conversations, 'export and import lose nothing')
  })

  await pageTest('two tabs show the same list', {}, async (t, page) => {
    await open(page)
    const other = await page.context().newPage()
    await open(other)
    await ask(page, 'From the first tab')
    await rows(other).first().click()
    await other.locator('article.answer').waitFor()
    await complete(page.locator('article.answer'))
    t.match(
      await complete(other.locator('article.answer')), (await page.locator('article.answer').innerText()).split('\n')[0]
    )
    await chooseFor(page, 0, /^Delete/)
    await rows(other).first().waitFor({ state: 'detached' })
    t.equal(await other.locator('article.answer').count(), 0)
  })

  await pageTest('on a phone the list is a drawer', {
    viewport: { width: 360, height: 640 }, hasTouch: true, isMobile: true
  }, async (t, page) => {
    await open(page)
    await complete(await ask(page, 'Hi'))
    t.notOk(await rows(page).first().isVisible())
    await page.getByRole('button', { name: 'Show conversations' }).tap()
    for (let i = 0; i < 12; i++) {
      await page.keyboard.press('Tab')
      t.ok(await page.evaluate(() =>
        document.activeElement === document.body || document.activeElement?.closest('dialog') !== null))
    }
    t.same(await accessibilityFaults(page), [])
    await page.keyboard.press('Escape')
    await page.locator('#sidebar').waitFor({ state: 'hidden' })
    await page.getByRole('button', { name: 'Show conversations' }).tap()
    await chooseFor(page, 0, /^Delete/)
    await page.locator('#sidebar').getByRole('button', { name: 'Undo' }).tap()
    await rows(page).first().tap()
    await page.locator('#sidebar').waitFor({ state: 'hidden' })
    t.ok(await question(page).isVisible())
  })
}
