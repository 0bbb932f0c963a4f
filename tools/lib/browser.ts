import { existsSync } from 'node:fs'
import { chromium, type Browser } from 'playwright-core'

const PLACES = [
  '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome'
]
const EXECUTABLE = process.env.CHROMIUM || PLACES.find(place => existsSync(place))

/** Why no browser can be started on this machine, or false. The environment variable CHROMIUM names an executable. */
export const NO_BROWSER =
  EXECUTABLE ? false as const : 'Chromium is not installed (apt-get install chromium, or set CHROMIUM to its path)'

/**
 * Starts Chromium without a window. The caller closes it.
 * @throws Error when Chromium is not installed
 */
export async function launchBrowser (): Promise<Browser> {
  if (NO_BROWSER) throw new Error(NO_BROWSER)
  // Chromium's sandbox needs rights that root and most containers lack. Only the project's own page is shown.
  return await chromium.launch({ executablePath: EXECUTABLE, chromiumSandbox: false })
}
