import type { Test } from 'tap'
import { dropFiles, pasteFiles } from './images.ts'
import { startPage } from './start.ts'
import { ask, choose, complete, CROSS, HEART, LONG_ANSWER, open, question, watchForms } from './steps.ts'

export default async function (t: Test): Promise<void> {
  const { service, pageTest } = await startPage(t, { MAX_IMAGES: '3', MAX_FILE_SIZE_MB: '1' })

  await pageTest('two images are dropped and sent; a follow-up sends only their ids', {}, async (t, page) => {
    const sent = await watchForms(page)
    await open(page)
    await dropFiles(page, 'body', [HEART.file, CROSS.file])
    const first = await ask(page, 'Describe the images.')
    const text = await complete(first)
    t.match(text, HEART.words)
    t.match(text, CROSS.words)

    // The details with the receipts are collapsed at first.
    const details = first.locator('details')
    t.equal(await details.getAttribute('open'), null)
    await details.locator('summary').click()
    const told = await details.innerText()
    for (const words of [
      /00\.png/, /120 × 160, PNG/, /112 × 168/, /640 × 480, JPEG/, /tokens\/s/, /First word after/
    ]) t.match(told, words)

    t.match(await complete(await ask(page, 'What is in picture 2?')), CROSS.words)
    t.match(await sent(), [
      [['message', 'Describe the images.'], ['images', '00.png'], ['images', '02.jpg']],
      [['message', 'What is in picture 2?'], ['history', /"sha256:2409f0fd\w+","sha256:344f09c0\w+"/]]
    ], 'no image is sent again')
    await service.quiet()
  })

  await pageTest('a pasted image can be sent without text', {}, async (t, page) => {
    await open(page)
    await pasteFiles(page, '#question', [HEART.file])
    await page.getByRole('button', { name: 'Send' }).click()
    t.match(await complete(page.locator('article.answer')), HEART.words)
    t.equal(await page.locator('.question-text').innerText(), 'Describe the images.')
  })

  await pageTest('an image that cannot be sent shows the reason', {}, async (t, page) => {
    await open(page)
    const file = (name: string, buffer: Buffer) => ({ name, mimeType: 'image/png', buffer })
    await choose(
      page, file('words.png', Buffer.from('no image')),
      file('large.png', Buffer.concat([HEART.file.buffer, Buffer.alloc(1_200_000)])), HEART.file, CROSS.file
    )
    await page.getByText('Not a JPEG, PNG, WebP, AVIF, HEIC, GIF, TIFF or PDF').waitFor()
    await page.getByText('1.1 MB; at most 1 MB are possible').waitFor()
    await page.getByText('At most 3 pictures at a time').waitFor()
    await question(page).fill('Describe the images.')
    t.ok(await page.getByRole('button', { name: 'Send' }).isDisabled())
    for (const name of ['words.png', 'large.png']) await page.getByRole('button', { name: `Remove ${name}` }).click()
    t.match(await complete(await ask(page, 'Describe the images.')), CROSS.words)
  })

  await pageTest('stopping an answer keeps its text', {}, async (t, page) => {
    await open(page, LONG_ANSWER)
    const answer = await ask(page, 'Hi')
    await page.locator('[data-stage=answering]').waitFor()
    await page.getByRole('button', { name: 'Stop' }).click()
    t.match(await complete(answer), /Stopped/)
    await service.quiet()
    t.ok(await page.getByRole('button', { name: 'Answer again' }).isEnabled())
    t.equal(service.app.slots.stats().taken, 0)
  })

  await pageTest('a growing answer does not scroll a user who reads above, and a button leads back down', {
    viewport: { width: 500, height: 400 }
  }, async (t, page) => {
    await open(page, {
      format: {
        type: 'schema', schema: JSON.stringify({ type: 'array', minItems: 4_000, items: { const: 'word after word' } })
      },
      sampling: { max_tokens: 4_000 }
    })
    await ask(page, 'Hi')
    const area = page.locator('.conversation-scroll')
    const rest = async () =>
      await area.evaluate(element => element.scrollHeight - element.clientHeight - element.scrollTop)
    const height = async () => await area.evaluate(element => element.scrollHeight)
    await page.waitForFunction(() => document.querySelector('.conversation-scroll')!.scrollHeight > 900)
    t.ok(await rest() < 48, 'the newest words are visible')

    await area.hover()
    await page.mouse.wheel(0, -300)
    const newest = page.getByRole('button', { name: 'Go to the newest' })
    await newest.waitFor()
    const [top, before] = [await area.evaluate(element => element.scrollTop), await height()]
    await page.waitForFunction(
      before => document.querySelector('.conversation-scroll')!.scrollHeight > before + 100, before
    )
    t.equal(await area.evaluate(element => element.scrollTop), top)

    await newest.click()
    const after = await height()
    await page.waitForFunction(
      after => document.querySelector('.conversation-scroll')!.scrollHeight > after + 50, after
    )
    t.ok(await rest() < 48, 'the page follows the answer again')
    await page.getByRole('button', { name: 'Stop' }).click()
    await service.quiet()
  })

  await pageTest('an upload shows its progress and can be stopped', {}, async (t, page) => {
    await open(page)
    const client = await page.context().newCDPSession(page)
    await client.send('Network.emulateNetworkConditions', {
      offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: 100_000
    })
    await choose(page, { ...HEART.file, buffer: Buffer.concat([HEART.file.buffer, Buffer.alloc(900_000)]) })
    const answer = await ask(page, 'Describe the images.')
    const stage = page.locator('[data-stage=uploading]')
    await stage.getByText(/Sending \d{3}\S* kB of 901/).waitFor()
    await page.getByRole('button', { name: 'Stop' }).click()
    t.match(await complete(answer), /Stopped/)
    await service.quiet()
  })

  await pageTest('a conversation and its images survive a reload', {}, async (t, page) => {
    await open(page)
    await choose(page, HEART.file)
    await complete(await ask(page, 'Describe the images.'))
    await page.reload()
    await page.getByRole('button', { name: /^Describe the images\./ }).first().click()
    t.match(await page.locator('article.answer').innerText(), HEART.words)
    const image = page.locator('article.question img')
    await image.waitFor()
    t.equal(await image.evaluate((image: HTMLImageElement) => image.decode().then(() => image.naturalWidth)), 120)
  })

  await pageTest('editing a question and deleting an exchange can be undone', {}, async (t, page) => {
    await open(page)
    await choose(page, HEART.file)
    await complete(await ask(page, 'Describe the images.'))
    await complete(await ask(page, 'Describe the images again.'))
    await page.locator('article.question').first().hover()
    await page.getByRole('button', { name: 'Edit and send again' }).first().click()
    await page.getByRole('textbox', { name: 'Edit your question' }).fill('What is in the picture?')
    await page.keyboard.press('Enter')
    const answer = page.locator('article.answer')
    await page.waitForFunction(() => document.querySelectorAll('article.answer').length === 1)
    t.match(await complete(answer), /heart/)

    await page.locator('article.question').hover()
    await page.getByRole('button', { name: 'Delete this exchange' }).click()
    await answer.waitFor({ state: 'detached' })
    await page.getByRole('button', { name: 'Undo' }).click()
    t.match(await answer.innerText(), /heart/)
  })
}
