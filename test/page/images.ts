import type { JSHandle, Page } from 'playwright-core'

/** A file as the browser passes it to a page after a dialog, drop or paste. */
export interface ImageFile { name: string, mimeType: string, buffer: Buffer }

/** Drops files on an element with the events `dragenter`, `dragover` and `drop`. */
export async function dropFiles (page: Page, selector: string, files: ImageFile[]): Promise<void> {
  const dataTransfer = await transferOf(page, files)
  for (const event of ['dragenter', 'dragover', 'drop']) await page.dispatchEvent(selector, event, { dataTransfer })
}

/** Pastes files into an element. */
export async function pasteFiles (page: Page, selector: string, files: ImageFile[]): Promise<void> {
  const clipboardData = await transferOf(page, files)
  await page.locator(selector).evaluate((element, clipboardData) => element.dispatchEvent(
    new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true })
  ), clipboardData)
}

async function transferOf (page: Page, files: ImageFile[]): Promise<JSHandle<DataTransfer>> {
  return await page.evaluateHandle(files => {
    const transfer = new DataTransfer()
    for (const { name, mimeType, base64 } of files) {
      const bytes = Uint8Array.from(atob(base64), character => character.charCodeAt(0))
      transfer.items.add(new File([bytes], name, { type: mimeType }))
    }
    return transfer
  }, files.map(({ name, mimeType, buffer }) => ({ name, mimeType, base64: buffer.toString('base64') })))
}
