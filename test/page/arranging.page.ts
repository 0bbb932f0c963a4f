import type { Page } from 'playwright-core'
import sharp from 'sharp'
import type { Test } from 'tap'
import { startPage } from './start.ts'
import { choose, open } from './steps.ts'

export default async function (t: Test): Promise<void> {
  const { pageTest } = await startPage(t)

  const COLOURS = ['red', 'green', 'blue', 'yellow', 'black', 'white']
  const files = await Promise.all(COLOURS.map(async background => ({
    name: `${background}.png`,
    mimeType: 'image/png',
    buffer: await sharp({ create: { width: 40, height: 30, channels: 3, background } }).png().toBuffer()
  })))

  async function chosen (page: Page, count: number): Promise<void> {
    await open(page)
    await choose(page, ...files.slice(0, count))
    await page.getByRole('button', { name: `Remove ${files[count - 1]!.name}` }).waitFor()
  }

  async function order (page: Page): Promise<string> {
    const titles = await page.locator('.draft-images-open').evaluateAll(buttons =>
      buttons.map(button => (button as HTMLElement).title))
    return titles.map(title => title.replace('.png', '')).join(' ')
  }

  /** The middle of a thumbnail, slightly below its buttons. */
  async function middleOf (page: Page, index: number): Promise<{ x: number, y: number }> {
    const { x, y, width, height } = (await page.locator('.draft-images-item').nth(index).boundingBox())!
    return { x: x + width / 2, y: y + height * 0.65 }
  }

  await pageTest('an image can be dragged to another place', {}, async (t, page) => {
    await chosen(page, 3)
    const [from, to] = [await middleOf(page, 0), await middleOf(page, 2)]
    await page.mouse.move(from.x, from.y)
    await page.mouse.down()
    await page.mouse.move(to.x, to.y, { steps: 5 })
    const room = (await page.locator('.draft-images-room').boundingBox())!
    t.ok(Math.abs(room.x + room.width / 2 - to.x) < 2, 'the other images make room at its target')
    await page.mouse.up()
    t.equal(await order(page), 'green blue red')
    t.equal(await page.locator('.draft-images-room').count(), 0)
    t.notOk(await page.getByRole('dialog').isVisible(), 'the drag is not a click')
  })

  await pageTest('Escape returns a dragged image', {}, async (t, page) => {
    await chosen(page, 2)
    const [from, to] = [await middleOf(page, 0), await middleOf(page, 1)]
    await page.mouse.move(from.x, from.y)
    await page.mouse.down()
    await page.mouse.move(to.x, to.y, { steps: 5 })
    await page.keyboard.press('Escape')
    await page.mouse.up()
    t.equal(await order(page), 'red green')
    t.notOk(await page.getByRole('dialog').isVisible())
    await page.mouse.click(from.x, from.y)
    await page.getByRole('dialog').waitFor()
  })

  await pageTest('images are reordered by keyboard, and the focus stays on the moved one', {}, async (t, page) => {
    await chosen(page, 3)
    const focused = async () => await page.evaluate(() => document.activeElement?.textContent)
    await page.getByRole('button', { name: /^1 ?Move red\.png/ }).focus()
    await page.keyboard.press('ArrowRight')
    t.equal(await order(page), 'green red blue')
    t.match(await focused(), /^2Move red\.png/)
    await page.getByText('red.png is now number 2 of 3').waitFor({ state: 'attached' })
    await page.keyboard.press('End')
    t.equal(await order(page), 'green blue red')
    await page.keyboard.press('Home')
    t.equal(await order(page), 'red green blue')
    await page.keyboard.press('ArrowLeft')
    t.equal(await order(page), 'red green blue', 'there is nothing before the first')
    await page.locator('.draft-images-open').first().focus()
    await page.keyboard.press('Alt+ArrowRight')
    t.equal(await order(page), 'green red blue', 'on the image with Alt')
  })

  await pageTest('the focus moves on when an image is removed', {}, async (t, page) => {
    await chosen(page, 3)
    const focused = async () => await page.evaluate(() => document.activeElement?.ariaLabel)
    await page.getByRole('button', { name: 'Remove green.png' }).focus()
    await page.keyboard.press('Enter')
    t.equal(await focused(), 'Remove blue.png')
    await page.keyboard.press('Enter')
    t.equal(await focused(), 'Remove red.png')
    await page.keyboard.press('Enter')
    t.equal(await focused(), 'Your question')
  })

  await pageTest('a resting finger drags an image; a moving one scrolls the strip', {
    viewport: { width: 360, height: 640 }, hasTouch: true, isMobile: true
  }, async (t, page) => {
    await chosen(page, 6)
    const client = await page.context().newCDPSession(page)
    const touch = async (
      type: 'touchStart' | 'touchMove' | 'touchEnd', ...touchPoints: Array<{ x: number, y: number }>
    ) => await client.send('Input.dispatchTouchEvent', { type, touchPoints })
    const stroke = async (from: { x: number, y: number }, by: number) => {
      for (let i = 1; i <= 10; i++) await touch('touchMove', { x: from.x + by * i / 10, y: from.y })
    }
    const strip = page.locator('.draft-images')
    const scrolled = async () => await strip.evaluate(element => element.scrollLeft)
    t.ok(await scrolled() > 100, 'the last added image is in view')
    await strip.evaluate(element => { element.scrollLeft = 0 })
    const [first, second] = [await middleOf(page, 0), await middleOf(page, 1)]
    await touch('touchStart', first)
    await page.waitForTimeout(500)
    await stroke(first, second.x - first.x)
    await touch('touchEnd')
    t.equal(await order(page), 'green red blue yellow black white')
    t.equal(await scrolled(), 0)

    await touch('touchStart', second)
    await stroke(second, -100)
    await touch('touchEnd')
    t.equal(await order(page), 'green red blue yellow black white')
    t.ok(await scrolled() > 20, 'it scrolled')
  })
}
