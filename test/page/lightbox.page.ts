import type { Page } from 'playwright-core'
import type { Test } from 'tap'
import { startPage } from './start.ts'
import { choose, CROSS, HEART, open } from './steps.ts'

export default async function (t: Test): Promise<void> {
  const { pageTest } = await startPage(t)

  /** Opens the second of two images. */
  async function enlarge (page: Page): Promise<void> {
    await open(page)
    await choose(page, HEART.file, CROSS.file)
    await page.getByRole('button', { name: 'Enlarge Picture 2: 02.jpg' }).click()
    await page.getByText('640 × 480').waitFor()
  }

  async function canvas (page: Page): Promise<{ x: number, y: number, width: number, height: number }> {
    return (await page.locator('.lightbox-canvas').boundingBox())!
  }

  await pageTest('the wheel zooms at the pointer', {}, async (t, page) => {
    await enlarge(page)
    const before = await canvas(page)
    t.ok(Math.abs(before.width / before.height - 640 / 480) < 0.01)
    const at = { x: before.x + before.width * 0.25, y: before.y + before.height * 0.4 }
    await page.mouse.move(at.x, at.y)
    await page.mouse.wheel(0, -500)
    await page.waitForFunction(
      width => document.querySelector('.lightbox-canvas')!.getBoundingClientRect().width > 2 * width, before.width
    )
    const after = await canvas(page)
    t.ok(Math.abs((at.x - after.x) / after.width - 0.25) < 0.002, 'across')
    t.ok(Math.abs((at.y - after.y) / after.height - 0.4) < 0.002, 'down')

    await page.mouse.down()
    await page.mouse.move(at.x + 50, at.y + 30, { steps: 4 })
    await page.mouse.up()
    const dragged = await canvas(page)
    t.ok(Math.abs(dragged.x - after.x - 50) < 1 && Math.abs(dragged.y - after.y - 30) < 1, 'it follows the mouse')
    t.ok(await page.getByRole('dialog').isVisible())
  })

  await pageTest('keys zoom, move and change the image, and the focus returns', {}, async (t, page) => {
    await enlarge(page)
    const whole = await canvas(page)
    await page.keyboard.press('+')
    await page.keyboard.press('+')
    const large = await canvas(page)
    t.ok(Math.abs(large.width / whole.width - 2.25) < 0.01)
    await page.keyboard.press('ArrowRight')
    t.ok((await canvas(page)).x < large.x, 'an arrow key moves a zoomed image')
    await page.keyboard.press('0')
    t.same(await canvas(page), whole)
    const title = page.locator('.lightbox-title')
    await page.keyboard.press('ArrowRight')
    t.match(await title.innerText(), /Picture 1: 00\.png\s+120 × 160/, 'after the last comes the first')
    await page.keyboard.press('PageUp')
    t.match(await title.innerText(), /Picture 2/)
    await page.getByRole('button', { name: 'Next picture' }).click()
    t.match(await title.innerText(), /Picture 1/)
    await page.keyboard.press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'hidden' })
    t.match(await page.evaluate(() => document.activeElement?.textContent), /Enlarge Picture 2/)
  })

  await pageTest('a double click toggles the zoom; a click next to the image closes', {}, async (t, page) => {
    await enlarge(page)
    await page.keyboard.press('PageDown')
    const whole = await canvas(page)
    const middle = { x: whole.x + whole.width / 2, y: whole.y + whole.height / 2 }
    await page.mouse.dblclick(middle.x, middle.y)
    t.ok((await canvas(page)).width > 2 * whole.width)
    await page.mouse.dblclick(middle.x, middle.y)
    t.same(await canvas(page), whole)
    await page.mouse.click(whole.x - 80, middle.y)
    await page.getByRole('dialog').waitFor({ state: 'hidden' })
  })

  await pageTest('two fingers zoom; a swipe changes the image', {
    viewport: { width: 360, height: 640 }, hasTouch: true, isMobile: true
  }, async (t, page) => {
    await enlarge(page)
    const client = await page.context().newCDPSession(page)
    const touch = async (type: 'touchStart' | 'touchMove' | 'touchEnd', ...xs: number[]) =>
      await client.send('Input.dispatchTouchEvent', { type, touchPoints: xs.map((x, id) => ({ x, y: 320, id })) })
    const whole = await canvas(page)
    await touch('touchStart', 150, 210)
    for (let i = 1; i <= 10; i++) await touch('touchMove', 150 - 6 * i, 210 + 6 * i)
    await touch('touchEnd')
    // The distance of the fingers grows from 60 to 180.
    t.ok(Math.abs((await canvas(page)).width / whole.width - 3) < 0.1)

    await page.keyboard.press('0')
    await touch('touchStart', 280)
    for (let i = 1; i <= 10; i++) await touch('touchMove', 280 - 15 * i)
    await touch('touchEnd')
    await page.getByText('Picture 1: 00.png', { exact: true }).waitFor()
    const fitting = await canvas(page)
    for (let i = 0; i < 2; i++) {
      await touch('touchStart', 180)
      await touch('touchEnd')
    }
    t.ok((await canvas(page)).width > 2 * fitting.width, 'a double tap zooms')
  })
}
