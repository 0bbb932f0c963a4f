/**
 * Takes the pictures of the page for the documentation, of the built service with the embedded model.
 *
 *   npm run build && npm run screenshots
 *
 * Needs Chromium, and for the Chinese one a font that has the characters (apt-get install chromium fonts-noto-cjk).
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import type { BrowserContextOptions, Page } from 'playwright-core'
import sharp from 'sharp'
import { ROOT } from '../root.ts'
import { launchBrowser } from '../test/page/browser.ts'

interface Shot { file: string, question: string, browser: BrowserContextOptions }

const OUT = path.join(ROOT, 'docs/images')
const PICTURES = ['00.png', '01.jpg'].map(name => path.join(ROOT, 'models/demo/examples', name))
const MAX_BYTES = 200_000

const SHOTS: Shot[] = [
  { file: 'page.png', question: 'Describe the images.', browser: { locale: 'en-GB', colorScheme: 'light', viewport: { width: 1200, height: 760 } } },
  { file: 'page-dark-zh.png', question: '请描述这些图片。', browser: { locale: 'zh-CN', colorScheme: 'dark', viewport: { width: 1200, height: 760 } } },
  { file: 'page-phone.png', question: 'Describe the images.', browser: { locale: 'en-GB', colorScheme: 'light', viewport: { width: 360, height: 740 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true } }
]

const uploads = mkdtempSync(path.join(os.tmpdir(), 'sightline-screenshots-'))
const service = spawn(process.execPath, [path.join(ROOT, 'dist/server.js')], { cwd: ROOT, env: { ...process.env, PORT: '0', UPLOAD_DIR: uploads, LLAMA_GPU: 'off', MODEL: '' }, stdio: ['ignore', 'pipe', 'inherit'] })
const browser = await launchBrowser()
try {
  const url = await addressOf()
  mkdirSync(OUT, { recursive: true })
  for (const { file, question, browser: options } of SHOTS) {
    const context = await browser.newContext({ ...options, reducedMotion: 'reduce' })
    const page = await context.newPage()
    await page.goto(`${url}/`)
    await converse(page, question)
    const png = await sharp(await page.screenshot({ animations: 'disabled', caret: 'hide' })).png({ palette: true, quality: 95, effort: 10 }).toBuffer()
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

/** Asks about two pictures and waits for the whole answer. */
async function converse (page: Page, question: string): Promise<void> {
  await page.setInputFiles('input[type=file]', PICTURES)
  await page.getByRole('textbox').first().fill(question)
  await page.keyboard.press('Enter')
  await page.getByText('blue heart').waitFor()
}

async function addressOf (): Promise<string> {
  for await (const line of createInterface({ input: service.stdout })) {
    const url = /answers on (http:\/\/[^ "]+)/.exec(line)?.[1]
    if (url) {
      service.stdout.resume()
      return url
    }
  }
  throw new Error('the service ended before it answered')
}
