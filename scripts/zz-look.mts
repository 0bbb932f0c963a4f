import { chromium } from 'playwright-core'
import { readFileSync } from 'node:fs'
const url = process.argv[2]!
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', chromiumSandbox: false })
const shot = async (name: string, options: object, steps: (page: any) => Promise<void>) => {
  const context = await browser.newContext({ ...options })
  const page = await context.newPage()
  page.setDefaultTimeout(15000)
  page.on('console', (m: any) => { if (m.type() !== 'info') console.log(name, m.type(), m.text()) })
  page.on('pageerror', (e: any) => console.log(name, 'ERROR', e.stack))
  try { await page.goto(url); await page.waitForTimeout(800); await steps(page) } catch (e) { console.log(name, String(e)) }
  await page.screenshot({ path: `/tmp/shots/${name}.png` })
  await context.close()
}
const ask = async (page: any, text = 'Describe the images.') => {
  await page.locator('input[type=file][multiple]').setInputFiles(['/work/main/models/demo/examples/00.png', '/work/main/models/demo/examples/02.jpg'])
  await page.waitForTimeout(300)
  await page.locator('#question').fill(text)
  await page.keyboard.press('Enter')
  await page.locator('article.answer[aria-busy=false]').first().waitFor()
}
await shot('start', { viewport: { width: 1200, height: 760 } }, async () => {})
await shot('draft', { viewport: { width: 1200, height: 760 } }, async page => { await page.locator('input[type=file][multiple]').setInputFiles(['/work/main/models/demo/examples/00.png', '/work/main/models/demo/examples/02.jpg', '/work/main/package.json']); await page.waitForTimeout(500) })
await shot('answer', { viewport: { width: 1200, height: 760 } }, async page => { await ask(page); await page.locator('details summary').last().click() })
await shot('dark-zh', { viewport: { width: 1200, height: 760 }, locale: 'zh-CN', colorScheme: 'dark' }, async page => { await ask(page, '描述这些图片。') })
await shot('phone', { viewport: { width: 360, height: 700 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 }, async page => { await page.locator('input[type=file][multiple]').setInputFiles(['/work/main/models/demo/examples/00.png', '/work/main/models/demo/examples/02.jpg']); await page.locator('#question').fill('Describe the images.'); await page.locator('button[type=submit]').click(); await page.locator('article.answer[aria-busy=false]').first().waitFor(); await page.waitForTimeout(300) })
await shot('settings', { viewport: { width: 1200, height: 760 } }, async page => { await page.getByRole('button', { name: 'Settings' }).first().click(); await page.waitForTimeout(300) })
await browser.close()
