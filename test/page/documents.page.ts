import { readFileSync } from 'node:fs'
import path from 'node:path'
import type { Locator, Page } from 'playwright-core'
import type { Test } from 'tap'
import { ROOT } from '../../config/root.ts'
import { line, makePdf, rectangle } from '../make-pdf.ts'
import { accessibilityFaults } from './accessibility.ts'
import { dropFiles, type ImageFile } from './images.ts'
import { startPage } from './start.ts'
import { ask, choose, complete, CROSS, HEART, open, watchForms } from './steps.ts'

const READER = /pdf/
const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true }
const DESKTOP = { viewport: { width: 1280, height: 860 } }
const COLOURS = ['1 0 0', '0 0 1', '0 0.5 0']
const RED = [255, 0, 0]
const BLUE = [0, 0, 255]

/** A document whose pages show a square: red, blue, green, red … */
function pdf (pages: number, name = 'report.pdf'): ImageFile {
  const buffer = makePdf(Array.from({ length: pages }, (_, index) => ({
    mediaBox: [0, 0, 100, 120],
    content: rectangle(COLOURS[index % COLOURS.length]!, 20, 20, 60, 60) + line(`${index + 1}`, 4, 104, 12)
  })))
  return { name, mimeType: 'application/pdf', buffer }
}

const heic: ImageFile =
  { name: 'photo.heic', mimeType: '', buffer: readFileSync(path.join(ROOT, 'test/fixtures/heic/plain.heic')) }

const thumbnails = (page: Page) => page.locator('.draft-images-item img')
const names = async (page: Page) =>
  await page.locator('.draft-images-open').evaluateAll(items => items.map(item => (item as HTMLElement).title))

/** The colour in the middle of an image. */
async function middleOf (image: Locator): Promise<number[]> {
  await image.waitFor()
  return await image.evaluate(async (image: HTMLImageElement) => {
    await image.decode()
    const { naturalWidth: width, naturalHeight: height } = image
    const context = new OffscreenCanvas(width, height).getContext('2d')!
    context.drawImage(image, 0, 0)
    return [...context.getImageData(width / 2, height / 2, 1, 1).data].slice(0, 3)
  })
}

/** Whether two colours are equal except for the losses of a preview. */
const isNear = (a: number[], b: number[]) => a.every((value, i) => Math.abs(value - b[i]!) < 24)

export default async function (t: Test): Promise<void> {
  const { service, pageTest } = await startPage(t)

  async function shot (page: Page, name: string): Promise<void> {
    const dir = process.env.PAGE_SHOTS
    if (dir) await page.screenshot({ path: path.join(dir, `${name}.png`) })
  }

  for (const [device, options] of [['a desktop', DESKTOP], ['a phone', PHONE]] as const) {
    await pageTest(`a question about a HEIC, page 2 of a PDF and a JPEG, on ${device}`, options, async (t, page) => {
      const loaded: string[] = []
      page.on('request', request => { if (READER.test(request.url())) loaded.push(request.url()) })
      const forms = await watchForms(page)
      await open(page)
      await dropFiles(page, 'body', [heic])
      await thumbnails(page).first().waitFor()
      t.same(loaded, [], 'the reader for documents is not loaded for images')
      await dropFiles(page, 'body', [pdf(3)])
      await page.locator('.draft-images-item').nth(3).waitFor()
      t.ok(loaded.length > 0 && loaded.every(url => new URL(url).origin === service.url), loaded.join())
      t.same(await names(page), ['photo.heic', 'report.pdf, page 1', 'report.pdf, page 2', 'report.pdf, page 3'])

      await page.getByRole('button', { name: 'Choose pages of report.pdf: 1-3 of 3' }).click()
      const dialog = page.getByRole('dialog', { name: 'Pages of report.pdf' })
      await dialog.getByRole('checkbox', { name: 'Page 1' }).uncheck()
      await dialog.getByRole('checkbox', { name: 'Page 3' }).uncheck()
      t.equal(await dialog.getByRole('textbox').inputValue(), '2')
      t.ok(isNear(await middleOf(dialog.locator('img').nth(1)), BLUE), 'the dialog shows the page')
      t.same(await accessibilityFaults(page), [])
      await shot(page, `pages-${device}`)
      await dialog.getByRole('button', { name: 'Use these pages' }).click()
      await choose(page, CROSS.file)
      await page.locator('.draft-images-item').nth(2).waitFor()
      t.same(await names(page), ['photo.heic', 'report.pdf, page 2', CROSS.file.name])
      t.ok(isNear(await middleOf(thumbnails(page).nth(1)), BLUE))
      t.same(await accessibilityFaults(page), [])
      await shot(page, `draft-${device}`)

      const answer = await ask(page, 'Describe the images.')
      t.match(await complete(answer), /blue square[^]*brown circle and a green cross/)
      t.same((await forms())[0]!.filter(([field]) => field === 'pages' || field === 'images'), [
        ['pages', '["2"]'], ['images', 'photo.heic'], ['images', 'report.pdf'], ['images', CROSS.file.name]
      ])
      await answer.locator('details.details summary').click()
      const rows = await answer.locator('.details-table tbody tr').allInnerTexts()
      t.equal(rows.length, 3)
      t.match(rows[0], /^photo\.heic[^]*HEIC/)
      t.match(rows[1], /^report\.pdf, page 2[^]*277 × 333, PDF/)
      t.match(rows[2], /JPEG/)
      await shot(page, `answer-${device}`)

      await page.reload()
      const show = page.getByRole('button', { name: 'Show conversations' })
      if (await show.isVisible()) await show.click()
      await page.getByRole('button', { name: /^Describe the images/ }).first().click()
      const stored = page.locator('article.question li')
      t.ok(isNear(await middleOf(stored.nth(1).locator('img')), BLUE), 'a stored page is rendered again')
      // The ids of the receipts name the images.
      const next = await ask(page, 'What is in the second picture?')
      await complete(next)
      t.notOk((await forms()).at(-1)!.some(([field]) => field === 'images' || field === 'history_images'))
      await service.quiet()
    })
  }

  await pageTest('pages of two documents are moved and sent in the order of the strip', DESKTOP, async (t, page) => {
    const forms = await watchForms(page)
    await open(page)
    await dropFiles(page, 'body', [pdf(2, 'a.pdf')])
    await page.locator('.draft-images-item').nth(1).waitFor()
    await dropFiles(page, 'body', [pdf(1, 'b.pdf')])
    await page.locator('.draft-images-item').nth(2).waitFor()
    await page.locator('.draft-images-move').nth(2).focus()
    await page.keyboard.press('ArrowLeft')
    t.same(await names(page), ['a.pdf, page 1', 'b.pdf', 'a.pdf, page 2'])
    const answer = await ask(page, 'Describe the images.')
    t.match(await complete(answer), /red square[^]*red square[^]*blue square/)
    t.same((await forms())[0]!.filter(([field]) => field === 'pages' || field === 'images'), [
      ['pages', '["1","1","2"]'], ['images', 'a.pdf'], ['images', 'b.pdf'], ['images', 'a.pdf']
    ])
    await service.quiet()
  })

  await pageTest('a document of 300 pages', DESKTOP, async (t, page) => {
    await open(page)
    await choose(page, HEART.file)
    await dropFiles(page, 'body', [pdf(300)])
    await page.locator('.draft-images-item').nth(7).waitFor()
    t.equal(await page.locator('.draft-images-item').count(), 8, 'as many pages as there is room for')
    await page.getByRole('button', { name: 'Choose pages of report.pdf: 1-7 of 300' }).click()
    const dialog = page.getByRole('dialog')
    const field = dialog.getByRole('textbox')
    const use = dialog.getByRole('button', { name: 'Use these pages' })
    for (const [list, fault] of [
      ['1-8', '8 chosen; at most 7 are possible'], ['301', 'There is no page 301; the document has 300'],
      ['3-1', 'Write pages like 1-3,7'], ['', 'Write pages like 1-3,7'], ['0', 'Write pages like 1-3,7']
    ] as const) {
      await field.fill(list)
      await dialog.getByText(fault).waitFor()
      t.ok(await use.isDisabled(), list)
    }
    await field.fill('299, 2')
    t.ok(await dialog.getByRole('checkbox', { name: 'Page 299' }).isChecked())
    await dialog.getByRole('checkbox', { name: 'Page 299' }).scrollIntoViewIfNeeded()
    const last = dialog.locator('li').nth(298).locator('img')
    t.ok(isNear(await middleOf(last), BLUE), 'the page in sight is rendered')
    t.ok(await dialog.locator('img').count() < 150, 'pages far from sight are not')
    await field.press('Enter')
    t.same(await names(page), [HEART.file.name, 'report.pdf, page 299', 'report.pdf, page 2'])
    t.match(await complete(await ask(page, 'Describe the images.')), /blue heart[^]*blue square[^]*blue square/)
    await service.quiet()
  })

  await pageTest('an export contains a document once, and an import loses nothing', DESKTOP, async (t, page) => {
    async function downloaded (start: () => Promise<void>): Promise<string> {
      const [download] = await Promise.all([page.waitForEvent('download'), start()])
      return readFileSync(await download.path(), 'utf8')
    }
    const exportAll = async () => {
      const text = await downloaded(() => page.getByRole('button', { name: 'Export all as JSON' }).click())
      return { text, conversations: JSON.parse(text).conversations }
    }
    await open(page)
    await dropFiles(page, 'body', [pdf(2)])
    await page.locator('.draft-images-item').nth(1).waitFor()
    await complete(await ask(page, 'Describe the images.'))
    const { text, conversations } = await exportAll()
    t.equal(text.match(/data:application\/pdf;base64,/g)?.length, 1)
    const [first, second] = conversations[0].turns[0].pictures
    t.match(first, { name: 'report.pdf, page 1', page: { file: 'report.pdf', number: 1, of: 2 } })
    t.match(second, { data: null, page: { document: first.page.document, number: 2 } })
    t.match(conversations[0].turns[1].receipts[1], { format: 'pdf', document: { page: 2, pages: 2 } })
    await page.locator('.sidebar-row').first().hover()
    await page.locator('.sidebar-more').first().click()
    const markdown = await downloaded(() => page.getByRole('menuitem', { name: 'Export as Markdown' }).click())
    t.equal(markdown.match(/!\[[^\]]*report\.pdf[^\]]*\]\(data:image\/webp;base64,/g)?.length, 2, 'pages are rendered')

    await page.getByRole('button', { name: 'Settings' }).first().click()
    await page.getByRole('button', { name: 'Delete all conversations' }).click()
    await page.getByRole('button', { name: 'Delete all', exact: true }).click()
    const give = async (value: unknown) => await page.getByRole('dialog').locator('input[type=file]').setInputFiles({
      name: 'all.json', mimeType: 'application/json', buffer: Buffer.from(JSON.stringify(value))
    })
    const faulty = JSON.parse(text)
    delete faulty.conversations[0].turns[0].pictures[0].page
    await give(faulty)
    await page.getByText(/pictures\[0\]\.data/).waitFor()
    await give(JSON.parse(text))
    await page.getByText('Conversations added: 1').waitFor()
    await page.keyboard.press('Escape')
    await page.reload()
    await page.locator('.sidebar-open').first().click()
    t.ok(isNear(await middleOf(page.locator('article.question li').nth(1).locator('img')), BLUE))
    t.same((await exportAll()).conversations, conversations)
  })

  await pageTest('documents that cannot be shown give the reason', DESKTOP, async (t, page) => {
    await open(page)
    const encrypted = makePdf([{}], {
      objects: [`<< /Filter /Standard /V 1 /R 2 /O <${'41'.repeat(32)}> /U <${'42'.repeat(32)}> /P -4 >>`],
      trailer: '/Encrypt 10000 0 R /ID [<00> <00>]'
    })
    for (const [buffer, reason] of [
      [Buffer.from('%PDF-1.7\n'), 'This PDF is damaged'], [encrypted, 'This PDF needs a password'],
      [makePdf([]), 'This PDF has no pages']
    ] as const) {
      await dropFiles(page, 'body', [{ ...pdf(1), buffer }])
      await page.getByText(reason).waitFor()
      t.ok(await page.getByRole('button', { name: 'Send' }).isDisabled())
      await page.getByRole('button', { name: 'Remove report.pdf' }).click()
    }
    await dropFiles(page, 'body', [pdf(1)])
    t.ok(isNear(await middleOf(thumbnails(page).first()), RED), 'the next document is shown')
  })
}
