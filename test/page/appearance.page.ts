import type { Test } from 'tap'
import { accessibilityFaults } from './accessibility.ts'
import { startPage } from './start.ts'
import { ask, choose, complete, CROSS, HEART, open, question, watchForms } from './steps.ts'

export default async function (t: Test): Promise<void> {
  const { pageTest } = await startPage(t)

  await pageTest('the page and the errors of the service are in Chinese when the browser prefers it', {
    locale: 'zh-CN', allow: [/status of 422/]
  }, async (t, page) => {
    await open(page)
    t.equal(await page.locator('html').getAttribute('lang'), 'zh-CN')
    t.match(await page.locator('body').innerText(), /想看看什么？/)
    await choose(page, { ...HEART.file, buffer: HEART.file.buffer.subarray(0, 60) })
    t.match(await complete(await ask(page, '描述这些图片。')), /[图片无法解码损坏]{2}/)

    await page.getByRole('button', { name: '设置' }).first().click()
    await page.getByLabel('语言').selectOption('en')
    await page.getByRole('dialog').getByRole('button', { name: 'Close' }).click()
    t.equal(await question(page).getAttribute('placeholder'), 'Ask a follow-up…')
    await page.reload()
    t.equal(await question(page).getAttribute('aria-label'), 'Your question')
  })

  for (const colorScheme of ['light', 'dark'] as const) {
    await pageTest(`axe-core finds nothing wrong, ${colorScheme}`, { colorScheme }, async (t, page) => {
      await open(page)
      t.equal(await page.locator('html').getAttribute('data-scheme'), colorScheme)
      t.same(await accessibilityFaults(page), [], 'at the start')
      await choose(page, HEART.file, CROSS.file)
      await page.getByRole('button', { name: 'Remove 02.jpg' }).waitFor()
      t.same(await accessibilityFaults(page), [], 'with thumbnails')
      const answer = await ask(page, 'Describe the images.')
      await complete(answer)
      await answer.locator('details summary').click()
      await page.locator('article.question').hover()
      t.same(await accessibilityFaults(page), [], 'with an answer')
      await page.getByRole('button', { name: 'Settings' }).first().click()
      t.same(await accessibilityFaults(page), [], 'with the settings')
      await page.keyboard.press('Escape')
      await page.locator('article.question img').first().click()
      await page.getByRole('dialog').waitFor()
      t.same(await accessibilityFaults(page), [], 'with an image in the lightbox')
    })
  }

  await pageTest('on a phone nothing overflows and every button is large enough for a finger', {
    viewport: { width: 360, height: 640 }, hasTouch: true, isMobile: true
  }, async (t, page) => {
    await open(page)
    await choose(page, HEART.file, CROSS.file)
    await complete(await ask(page, 'Describe the images.'))
    t.equal(await page.evaluate(() => document.scrollingElement!.scrollWidth), 360)
    const small = await page.locator('button:visible').evaluateAll(buttons => buttons
      .map(button =>
        ({ name: button.ariaLabel || button.textContent, ...button.getBoundingClientRect().toJSON() as DOMRect }))
      .filter(({ width, height }) => width < 24 || height < 24)
      .map(({ name, width, height }) => `${name}: ${width} × ${height}`))
    t.same(small, [])
    t.same(await accessibilityFaults(page), [])
  })

  await pageTest('the page can be used with the keyboard alone', {}, async (t, page) => {
    await watchForms(page)
    await open(page)
    const focused = async () => await page.evaluate(() => document.activeElement === document.body
      ? 'nothing'
      : document.activeElement!.ariaLabel || document.activeElement!.textContent)
    const tabTo = async (name: RegExp, key = 'Tab') => {
      for (let i = 0; i < 60; i++) {
        if (name.test(await focused())) return
        await page.keyboard.press(key)
      }
      t.fail(`no ${name} within 60 stops`)
    }
    t.equal(await focused(), 'Your question', 'it begins where one writes')
    await choose(page, HEART.file, CROSS.file)
    await page.keyboard.type('Describe the images.')
    await page.keyboard.press('Enter')
    const answer = page.locator('article.answer')
    await answer.waitFor()
    t.match(await complete(answer), HEART.words)
    t.equal(await focused(), 'Your question')
    await tabTo(/Answer again/, 'Shift+Tab')
    await page.keyboard.press('Enter')
    await page.waitForFunction(() => (window as unknown as { sent: unknown[] }).sent.length === 2)
    t.match(await complete(answer), CROSS.words)
    t.equal(await focused(), 'Your question', 'focus is not lost with what had it')
    await tabTo(/Settings/, 'Shift+Tab')
    await page.keyboard.press('Enter')
    await page.getByRole('dialog').waitFor()
    await page.keyboard.press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'hidden' })
    t.match(await focused(), /Settings/, 'the focus returns')
  })
}
