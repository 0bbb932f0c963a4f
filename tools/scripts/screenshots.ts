/**
 * Takes the screenshots in the documentation from the built service with the demo model.
 *
 *   npm run build && npm run screenshots
 *
 * Needs Chromium, and a font with Chinese characters (apt-get install chromium fonts-noto-cjk).
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import type { BrowserContextOptions, Page } from 'playwright-core'
import sharp from 'sharp'
import { ROOT } from '../../config/root.ts'
import { launchBrowser } from '../lib/browser.ts'

interface Shot { file: string, questions: string[], browser: BrowserContextOptions }

const OUT = path.join(ROOT, 'docs/images')
const IMAGES = ['15.png', '03.png', '11.png'].map(name => path.join(ROOT, 'models/demo/examples', name))
const MAX_BYTES = 200_000

const SHOTS: Shot[] = [
  {
    file: 'page.png',
    questions: ['Describe the images.', 'What is in picture 2?'],
    browser: { locale: 'en-GB', colorScheme: 'light', viewport: { width: 1200, height: 900 }, deviceScaleFactor: 2 }
  },
  {
    file: 'page-dark-zh.png',
    questions: ['请描述这些图片。', '图2中有什么？'],
    browser: { locale: 'zh-CN', colorScheme: 'dark', viewport: { width: 1200, height: 900 }, deviceScaleFactor: 2 }
  },
  {
    file: 'page-phone.png',
    questions: ['Describe the images.'],
    browser: {
      locale: 'en-GB',
      colorScheme: 'light',
      viewport: { width: 360, height: 740 },
      deviceScaleFactor: 2,
      isMobile: true,
      hasTouch: true
    }
  }
]

const uploads = mkdtempSync(path.join(os.tmpdir(), 'sightline-screenshots-'))
const service = spawn(process.execPath, [path.join(ROOT, 'dist/server.js')], {
  cwd: ROOT,
  env: { ...process.env, PORT: '0', UPLOAD_DIR: uploads, LLAMA_GPU: 'off', MODEL: '' },
  stdio: ['ignore', 'pipe', 'inherit']
})
const browser = await launchBrowser()
try {
  const url = await addressOf()
  mkdirSync(OUT, { recursive: true })
  for (const { file, questions, browser: options } of SHOTS) {
    const context = await browser.newContext({ ...options, reducedMotion: 'reduce' })
    const page = await context.newPage()
    await page.goto(`${url}/`)
    await converse(page, questions)
    // Waits for the end of scrolling.
    await page.waitForTimeout(300)
    const png = await sharp(await page.screenshot({ animations: 'disabled', caret: 'hide' }))
      .png({ palette: true, quality: 95, effort: 10 })
      .toBuffer()
    await context.close()
    if (png.length > MAX_BYTES) throw new Error(`${file} has ${png.length} bytes, more than ${MAX_BYTES}`)
    writeFileSync(path.join(OUT, file), png)
    console.log(`docs/images/${file}: ${png.length} bytes`)
  }
} finally {
  await browser.close()
  service.kill('SIGTERM')
  if (service.exitCode === null) await once(service, 'exit')
  rmSync(uploads, { recursive: true, force: true })
}

/** Asks about three images. With several questions, unfolds the details of the first answer. */
async function converse (page: Page, questions: string[]): Promise<void> {
  await page.locator('input[type=file][multiple]').setInputFiles(IMAGES)
  for (const [index, question] of questions.entries()) {
    await page.locator('#question').fill(question)
    await page.getByRole('button', { name: /^(Send|发送)$/ }).click()
    await page.locator('article.answer[aria-busy=false]').nth(index).waitFor()
  }
  if (questions.length === 1) return
  await page.locator('article.answer summary').first().click()
  await page.mouse.wheel(0, -2_000)
  await page.mouse.move(0, 0)
}

async function addressOf (): Promise<string> {
  for await (const line of createInterface({ input: service.stdout })) {
    const url = /"url":"(http:\/\/[^"]+)"/.exec(line)?.[1]
    if (url) {
      service.stdout.resume()
      return url
    }
  }
  throw new Error('the service ended before it was ready')
}
