import { readFileSync } from 'node:fs'
import path from 'node:path'
import type { Locator, Page } from 'playwright-core'
import root, { type Test } from 'tap'
import { ROOT } from '../../config/root.ts'
import { DEMO_SAMPLES } from '../../tools/lib/sample-images.ts'
import { createToolsEngine, EXAMPLES } from '../helper.ts'
import { accessibilityFaults } from './accessibility.ts'
import { startPage } from './start.ts'
import { choose, complete, HEART, open, question, watchForms } from './steps.ts'

const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true }
const DESKTOP = { viewport: { width: 1280, height: 860 } }
const RIGHT = {
  en: {
    'How do the two pictures differ?':
      /Picture 1 shows an orange heart, a red heart and a blue star on a green background, picture 2 shows a/,
    'Locate every shape.': /red heart.*green star/s,
    'What does the text say?': /It says CAKE\./
  },
  zh: {
    两张图片有什么不同: /图1：绿色背景上有一个橙色的心形、一个红色的心形和一个蓝色的星形。图2：白色背景上有一个棕色的星形/,
    '定位每个图形。': /red heart.*green star/s,
    上面写着什么: /写的是CAKE。/
  }
}

export default async function (t: Test): Promise<void> {
  const { service, pageTest } = await startPage(t)

  function samples (page: Page): Locator {
    return page.getByRole('group', { name: /^(Or try an example|或试试示例)$/ }).getByRole('button')
  }

  t.test('the images for the embedded model are its examples', async t => {
    for (const [name, example] of Object.entries(DEMO_SAMPLES)) {
      t.same(
        readFileSync(path.join(ROOT, 'web/src/samples', name)), readFileSync(path.join(EXAMPLES, example)),
        `${name}; run "npm run samples"`
      )
    }
  })

  for (const [language, locale, device] of [['en', 'en-GB', DESKTOP], ['zh', 'zh-CN', PHONE]] as const) {
    await pageTest(`one click on a sample shows its right answer, ${language}`, { locale, ...device }, async (
      t, page
    ) => {
      for (const [words, answer] of Object.entries(RIGHT[language])) {
        await open(page)
        await samples(page).filter({ hasText: words }).click()
        const shown = page.locator('article.answer')
        await shown.waitFor()
        t.match(await complete(shown), answer)
        t.equal(await samples(page).count(), 0)
        const images = page.locator('article.question img')
        await images.first().waitFor()
        t.ok(await images.first().evaluate((image: HTMLImageElement) => image.decode().then(() => image.naturalWidth)))
        if (!/every|每个/.test(words)) continue
        await shown.getByRole('button', { name: /red heart/ }).waitFor()
        t.equal(await shown.locator('.image-mark').count(), 2, 'both boxes are drawn')
      }
      await service.quiet()
    })
  }

  await pageTest('a sample keeps its own format, and other questions use the chosen one', DESKTOP, async (
    t, page
  ) => {
    const schema = JSON.stringify({ const: { chosen: true } })
    await open(page, { format: { type: 'schema', schema } })
    await samples(page).filter({ hasText: 'What does the text say?' }).click()
    const answer = page.locator('article.answer')
    await answer.waitFor()
    t.match(await complete(answer), /It says CAKE/)
    await question(page).fill('And now?')
    await page.keyboard.press('Enter')
    await answer.nth(1).waitFor()
    t.match(await complete(answer.nth(1)), /chosen/)

    // The reload shows that the sample's format is stored.
    await page.reload()
    await page.locator('.sidebar-open').click()
    await page.getByRole('button', { name: 'Answer again' }).first().click()
    await answer.nth(1).waitFor({ state: 'detached' })
    t.match(await complete(answer), /It says CAKE/, 'answered again in its own format')
    await page.getByRole('button', { name: 'Edit and send again' }).click()
    await page.locator('.question-editor textarea').fill('And what else?')
    await page.keyboard.press('Enter')
    await page.locator('.question-text', { hasText: 'And what else?' }).waitFor()
    t.match(await complete(answer), /chosen/, 'an edited sample is an own question')
  })

  await pageTest('samples are for people without images, and reached by the keyboard', DESKTOP, async (t, page) => {
    await open(page)
    await samples(page).nth(2).waitFor()
    await choose(page, HEART.file)
    await samples(page).first().waitFor({ state: 'detached' })
    await page.getByRole('button', { name: 'Remove 00.png' }).click()
    await samples(page).nth(2).waitFor()
    await question(page).focus()
    const isOnSample = async () => await page.evaluate(() => document.activeElement?.classList.contains('samples-one'))
    for (let i = 0; i < 10 && !await isOnSample(); i++) await page.keyboard.press('Shift+Tab')
    t.ok(await isOnSample())
    await page.keyboard.press('Enter')
    const answer = page.locator('article.answer')
    await answer.waitFor()
    t.match(await complete(answer), /CAKE/)
    t.equal(await page.evaluate(() => document.activeElement?.id), 'question', 'the focus is not lost')
  })

  await pageTest('an image that cannot be loaded is reported, and the sample can be clicked again', {
    ...DESKTOP, allow: [/ERR_FAILED/]
  }, async (t, page) => {
    await open(page)
    await samples(page).nth(2).waitFor()
    await page.route('**/word-*', route => route.abort())
    await samples(page).nth(2).click()
    await page.getByText('The pictures of the example could not be loaded.').waitFor()
    t.equal(await page.locator('article.question').count(), 0)
    await page.unroute('**/word-*')
    await samples(page).nth(2).click()
    await page.locator('article.answer').waitFor()
    t.match(await complete(page.locator('article.answer')), /CAKE/)
  })

  for (const colorScheme of ['light', 'dark'] as const) {
    for (const [name, device] of [['a desktop', DESKTOP], ['a phone', PHONE]] as const) {
      await pageTest(`axe-core finds nothing wrong with the samples on ${name}, ${colorScheme}`, {
        ...device, colorScheme
      }, async (t, page) => {
        await open(page)
        await samples(page).nth(2).waitFor()
        t.same(await accessibilityFaults(page), [])
        t.equal(await page.evaluate(() => document.scrollingElement!.scrollWidth), device.viewport.width)
        const area = page.locator('.conversation-scroll')
        t.equal(await area.evaluate(area => area.scrollTop), 0, 'the title is not scrolled away')
        if (process.env.PAGE_SHOTS) {
          await page.screenshot({ path: path.join(process.env.PAGE_SHOTS, `samples-${name}-${colorScheme}.png`) })
        }
      })
    }
  }

  // The same weights under another name count as a model of the operator.
  const other = await startPage(t, {}, await createToolsEngine(root))

  for (const [name, device] of [['a desktop', DESKTOP], ['a phone', PHONE]] as const) {
    await other.pageTest(`another model is asked to compare, extract and locate, on ${name}`, device, async (
      t, page
    ) => {
      const sent = await watchForms(page)
      await open(page)
      await samples(page).nth(2).waitFor()
      t.same(await accessibilityFaults(page), [])
      t.same(await samples(page).evaluateAll(buttons => buttons.filter(it => it.scrollWidth > it.clientWidth)), [])
      t.same(
        await samples(page).evaluateAll(buttons => buttons.filter(it =>
          it.getBoundingClientRect().width > it.parentElement!.getBoundingClientRect().width)), [], 'none overlap'
      )
      for (const image of await page.locator('.samples img').all()) {
        await image.scrollIntoViewIfNeeded()
        t.ok(await image.evaluate((image: HTMLImageElement) => image.decode().then(() => image.naturalWidth)))
      }
      if (process.env.PAGE_SHOTS) {
        await page.screenshot({ path: path.join(process.env.PAGE_SHOTS, `samples-other-${name}.png`) })
      }
      await samples(page).filter({ hasText: 'invoice' }).click()
      const answer = page.locator('article.answer')
      await answer.waitFor()
      await complete(answer)
      const [form = []] = await sent()
      t.match(form, [
        ['message', 'Extract the content of this invoice as JSON.'], ['response_format', /"seller"/],
        ['images', 'invoice.png']
      ])
      // The embedded weights know no invoices, and write the first value up to the answer's greatest length.
      t.match(await answer.locator('.json-source code').innerText(), /^\{\s*"seller":/)

      await open(page)
      await samples(page).filter({ hasText: 'Locate the cat' }).click()
      await answer.waitFor()
      await complete(answer)
      await answer.getByText('Source', { exact: true }).click()
      const boxes = JSON.parse(await answer.locator('.json-source code').innerText()) as object[]
      t.ok(boxes.length > 0)
      for (const box of boxes) t.match(box, { bbox_2d: [Number, Number, Number, Number], label: String })
      await other.service.quiet()
    })
  }

  const single = await startPage(t, { MAX_IMAGES: '1' })

  await single.pageTest('samples with more images than the service takes are left out', DESKTOP, async (t, page) => {
    await open(page)
    await samples(page).nth(1).waitFor()
    t.equal(await samples(page).count(), 2)
    t.equal(await samples(page).filter({ hasText: 'two pictures' }).count(), 0)
  })
}
