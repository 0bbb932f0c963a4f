import { mkdirSync } from 'node:fs'
import path from 'node:path'
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core'
import root, { type Test } from 'tap'
import { launchBrowser, NO_BROWSER } from '../../tools/lib/browser.ts'

/** The timeout for an element. */
const PATIENCE_MS = 20_000

export interface PageTestOptions extends BrowserContextOptions {
  /** Complaints that this test expects, such as the browser's own message about a response with an error status. */
  allow?: RegExp[]
}

export type PageTest = (
  name: string, options: PageTestOptions, body: (t: Test, page: Page) => Promise<void>
) => Promise<unknown>

let launched: Promise<Browser> | undefined

/**
 * Creates tests in a real browser. All tests share one browser, and each has a fresh profile; `page.goto('./')` opens
 * the page of the service. A test also fails when the browser complains: about an error on the console, an uncaught
 * error, a violation of the content security policy, or a request to another origin. With PAGE_SHOTS=folder, a failed
 * test saves a screenshot there.
 * @param baseURL the address of the page, with a slash at its end
 */
export function createPageTests (t: Test, baseURL: string): PageTest {
  return (name, { allow = [], ...options }, body) => t.test(name, { skip: NO_BROWSER }, async t => {
    launched ??= launchForAll()
    const context = await (await launched).newContext({ baseURL, locale: 'en-GB', reducedMotion: 'reduce', ...options })
    context.setDefaultTimeout(PATIENCE_MS)
    // The compiler wraps named functions in a helper, which functions that run in the page then need.
    await context.addInitScript('globalThis.__name = it => it')
    const complaints = collectComplaints(context, new URL(options.baseURL ?? baseURL).origin)
    const page = await context.newPage()
    let passed = false
    try {
      await body(t, page)
      passed = t.passing()
    } finally {
      if (!passed) await shoot(page, name)
      await context.close()
    }
    t.same(
      complaints.filter(complaint => !allow.some(it => it.test(complaint))), [], 'the browser complains about nothing'
    )
  })
}

async function launchForAll (): Promise<Browser> {
  const browser = await launchBrowser()
  root.teardown(() => browser.close())
  return browser
}

/** Returns a list to which complaints of the browser are added. */
export function collectComplaints (context: BrowserContext, origin: string): string[] {
  const complaints: string[] = []
  // Violations of the content security policy arrive here too.
  context.on('console', message => {
    if (message.type() === 'error') complaints.push(`console: ${message.text()} (${message.location().url})`)
  })
  context.on('weberror', error => complaints.push(`uncaught: ${error.error().stack ?? error.error()}`))
  context.on('request', request => {
    const { protocol, origin: asked } = new URL(request.url())
    if (protocol.startsWith('http') && asked !== origin) complaints.push(`asked somebody else: ${request.url()}`)
  })
  context.on('page', page => page.on('crash', () => complaints.push(`crashed: ${page.url()}`)))
  return complaints
}

async function shoot (page: Page, name: string): Promise<void> {
  const dir = process.env.PAGE_SHOTS
  if (!dir) return
  mkdirSync(dir, { recursive: true })
  await page.screenshot({ path: path.join(dir, `${name.replaceAll(/[^a-z0-9]+/gi, '-')}.png`) })
}
