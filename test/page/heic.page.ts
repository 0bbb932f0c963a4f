import { readFileSync } from 'node:fs'
import path from 'node:path'
import type { Locator } from 'playwright-core'
import type { Test } from 'tap'
import { ROOT } from '../../config/root.ts'
import { accessibilityFaults } from './accessibility.ts'
import { dropFiles, type ImageFile } from './images.ts'
import { startPage } from './start.ts'
import { ask, choose, complete, HEART, open } from './steps.ts'

const DECODER = /heic|libheif/
const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true }
const DESKTOP = { viewport: { width: 1280, height: 860 } }

/** A file of the fixtures; browsers often know no media type for its name. */
function heic (name: string): ImageFile {
  return { name, mimeType: '', buffer: readFileSync(path.join(ROOT, 'test/fixtures/heic', name)) }
}

export default async function (t: Test): Promise<void> {
  const { service, pageTest } = await startPage(t)

  /** Width, height and the colour in the middle of a decoded image. */
  async function look (image: Locator): Promise<{ width: number, height: number, middle: number[] }> {
    await image.waitFor()
    return await image.evaluate(async (image: HTMLImageElement) => {
      await image.decode()
      const { naturalWidth: width, naturalHeight: height } = image
      const context = new OffscreenCanvas(width, height).getContext('2d')!
      context.drawImage(image, 0, 0)
      return { width, height, middle: [...context.getImageData(width / 2, height / 2, 1, 1).data] }
    })
  }

  for (const [device, options] of [['a desktop', DESKTOP], ['a phone', PHONE]] as const) {
    await pageTest(`a HEIC and a PNG are shown and answered, with a box over the HEIC, on ${device}`, options, async (
      t, page
    ) => {
      const asked: string[] = []
      page.on('request', request => { if (DECODER.test(request.url())) asked.push(request.url()) })
      await open(page, {
        format: {
          type: 'schema',
          schema: JSON.stringify({
            const: {
              bbox_2d: [10, 10, 60, 60], label: 'part'
            }
          })
        }
      })
      await choose(page, HEART.file)
      await page.locator('.draft-images img').waitFor()
      t.same(asked, [], 'the decoder is not loaded for other images')
      await dropFiles(page, 'body', [heic('plain.heic')])
      const thumbnail = page.locator('.draft-images-item').nth(1).locator('img[src^=blob]')
      await page.waitForFunction(() => {
        const image = document.querySelectorAll('.draft-images-item')[1]?.querySelector('img')
        return image?.complete && image.naturalWidth > 0
      })
      const drawn = await look(thumbnail)
      t.ok(drawn.width > 8 && drawn.height > 8, JSON.stringify(drawn))
      t.ok(asked.length > 0 && asked.every(url => new URL(url).origin === service.url), asked.join())
      t.same(await accessibilityFaults(page), [])

      const answer = await ask(page, 'Where is it in the second picture?')
      await complete(answer)
      const receipts = answer.locator('details.details')
      await receipts.locator('summary').click()
      t.match(await receipts.innerText(), new RegExp(`${drawn.width} × ${drawn.height}, HEIC`))
      const frame = answer.locator('.answer-boxes-frame')
      await frame.locator('.image-mark').waitFor()
      t.same(await look(frame.locator('img')), drawn, 'the box is over the decoded image')
      await frame.click()
      await page.getByRole('dialog').getByText(`${drawn.width} × ${drawn.height}`).waitFor()
      t.same(await look(page.locator('.lightbox-canvas img')), drawn)
      const dir = process.env.PAGE_SHOTS
      if (dir) await page.screenshot({ path: path.join(dir, `heic-${device}.png`) })
      await page.keyboard.press('Escape')

      await page.reload()
      const show = page.getByRole('button', { name: 'Show conversations' })
      if (await show.isVisible()) await show.click()
      await page.getByRole('button', { name: /^Where is it/ }).first().click()
      const stored = page.locator('article.question li').nth(1).locator('img')
      await page.waitForFunction(() => {
        const image = document.querySelectorAll('article.question li')[1]?.querySelector('img')
        return image?.complete && image.naturalWidth > 0
      })
      t.same(await look(stored), drawn, 'a stored HEIC is decoded again')
      await service.quiet()
    })
  }

  await pageTest('a damaged HEIC has no preview, and the service gives the reason', {
    ...DESKTOP, allow: [/status of 422/]
  }, async (t, page) => {
    await open(page)
    const worker = page.waitForEvent('worker', worker => worker.url().includes('heic-worker'))
    const decoder = page.waitForResponse(/libheif.*\.wasm$/)
    const whole = heic('plain.heic')
    await dropFiles(page, 'body', [{ ...whole, buffer: whole.buffer.subarray(0, whole.buffer.length - 400) }])
    await page.getByText('The browser cannot show this picture').first().waitFor({ state: 'attached' })
    await worker
    t.ok((await decoder).ok(), 'the decoder has run')
    const answer = await ask(page, 'Describe the images.')
    await complete(answer)
    t.match(await answer.locator('.failure').innerText(), /plain\.heic/)
    await service.quiet()
  })

  await pageTest('only the worker may compile WebAssembly', { ...DESKTOP, allow: [/WebAssembly/] }, async (t, page) => {
    await open(page)
    const fault = await page.evaluate(() => {
      try {
        return String(new WebAssembly.Module(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0)))
      } catch (error) {
        return String(error)
      }
    })
    t.match(fault, /CompileError.*Content Security Policy|unsafe-eval/)
  })
}
