import { readFileSync } from 'node:fs'
import type { Locator, Page } from 'playwright-core'
import root, { type Test } from 'tap'
import type { Engine } from '../../services/engine/engine.ts'
import { createTestEngine } from '../helper.ts'
import type { Family } from '../models/families.ts'
import { WITHOUT_THOUGHTS, WITH_THOUGHTS, writeScriptedModel, type Script } from '../models/scripted-model.ts'
import { accessibilityFaults } from './accessibility.ts'
import { startPage } from './start.ts'
import { ask, choose, complete, HEART, open, question, watchForms } from './steps.ts'

const THOUGHTS = 'The **box** is [10, 20, 30, 40].'
const ANSWER = 'A circle.'
const SCRIPTS: Script[] = [
  { after: WITH_THOUGHTS, say: `${THOUGHTS}\n</think>` }, { after: WITHOUT_THOUGHTS, say: ANSWER }
]
/** Thoughts that only the budget ends. */
const ENDLESS: Script[] = [
  { after: WITH_THOUGHTS, say: ' A thought.', then: 'repeat' }, { after: WITHOUT_THOUGHTS, say: ANSWER }
]
const ON = { thinking: { isOn: true } }

export default async function (t: Test): Promise<void> {
  /** An engine with a context for thoughts that last until they are stopped. */
  async function startScripted (family: Family, scripts: Script[]): Promise<Engine> {
    const { model, mmproj } = await writeScriptedModel(root.testdir(), { family, scripts })
    return await createTestEngine(root, { model, mmproj, threads: 1, slots: 1, contextSize: 32_768 })
  }
  const env = { MAX_THINKING_TOKENS: '30000' }
  const thoughtful = await startPage(t, env, await startScripted('qwen3.5', SCRIPTS))
  const endless = await startPage(t, env, await startScripted('qwen3.5', ENDLESS))

  const choice = (page: Page): Locator => page.getByRole('button', { name: 'Think first' })
  const title = (answer: Locator): Locator => answer.locator('.thoughts-title')
  const text = (answer: Locator): Locator => answer.locator('.thoughts-text')

  await thoughtful.pageTest('a switch lets the model think; thoughts are folded and never sent back', {}, async (
    t, page
  ) => {
    const sent = await watchForms(page)
    await open(page)
    t.equal(await choice(page).getAttribute('aria-pressed'), 'false')
    const plain = await ask(page, 'Hi')
    t.match(await complete(plain), ANSWER)
    t.equal(await title(plain).count(), 0)

    await choice(page).press('Enter')
    t.equal(await choice(page).getAttribute('aria-pressed'), 'true')
    const answer = await ask(page, 'Think')
    t.match(await complete(answer), ANSWER)
    t.match(await title(answer).innerText(), /^Thought for (?:less than )?\d+ s$/)
    t.notMatch(await answer.innerText(), 'box')
    t.equal(await answer.locator('.answer-boxes').count(), 0, 'boxes in thoughts are not drawn')
    await answer.getByText('Details').click()
    t.match(await answer.innerText(), /\d\d tokens thought in [\d.]+ s/)

    await page.getByRole('button', { name: 'Settings' }).first().click()
    const budget = page.getByLabel('Most tokens of the thoughts')
    await budget.fill('30001')
    await page.getByText('A whole number between 1 and 30,000').waitFor()
    await budget.fill('3')
    await page.keyboard.press('Escape')
    await complete(await ask(page, 'Again'))
    t.same((await sent()).map(form => form.filter(([field]) => field !== 'history')), [
      [['message', 'Hi']], [['message', 'Think'], ['thinking', 'on']],
      [['message', 'Again'], ['thinking', '3']]
    ])
    const history = (await sent())[2]!.find(([field]) => field === 'history')![1]
    t.match(history, ANSWER)
    t.notMatch(history, 'box')
    await page.reload()
    await choice(page).waitFor()
    t.equal(await choice(page).getAttribute('aria-pressed'), 'true', 'it is remembered')
  })

  await thoughtful.pageTest('thoughts are opened by keyboard, copied apart, and kept', {}, async (t, page) => {
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
    const copied = async () => await page.evaluate(async () => await navigator.clipboard.readText())
    await open(page, ON)
    const answer = await ask(page, 'Think')
    await complete(answer)
    await answer.getByRole('button', { name: 'Copy' }).click()
    await answer.getByRole('button', { name: 'Copied' }).waitFor()
    t.equal(await copied(), ANSWER)

    await title(answer).press('Enter')
    t.equal(await text(answer).innerText(), 'The box is [10, 20, 30, 40].')
    t.equal(await text(answer).locator('strong').innerText(), 'box')
    await answer.getByRole('button', { name: 'Copy thoughts' }).press('Enter')
    await text(answer).getByRole('button', { name: 'Copied' }).waitFor()
    t.equal(await copied(), THOUGHTS)
    t.same(await accessibilityFaults(page), [])
    await title(answer).press('Space')
    await text(answer).waitFor({ state: 'detached' })

    await page.reload()
    await page.locator('.sidebar-open').click()
    await title(answer).click()
    t.match(await text(answer).innerText(), 'The box is')
  })

  await thoughtful.pageTest('exports contain thoughts only on request', {}, async (t, page) => {
    await open(page, ON)
    await complete(await ask(page, 'Think'))
    const downloaded = async (start: () => Promise<void>) => {
      const [download] = await Promise.all([page.waitForEvent('download'), start()])
      return readFileSync(await download.path(), 'utf8')
    }
    const openMenu = async () => {
      await page.locator('.sidebar-row').hover()
      await page.locator('.sidebar-more').click()
    }
    const item = async (name: string) => await downloaded(async () => {
      await openMenu()
      await page.getByRole('menuitem', { name }).click()
    })
    for (const name of ['Export as Markdown', 'Export as JSON']) t.notMatch(await item(name), /\*\*box/, name)

    await openMenu()
    for (const key of ['ArrowDown', 'ArrowDown', 'Enter']) await page.keyboard.press(key)
    const checked = page.getByRole('menuitemcheckbox', { name: 'Export with thoughts' })
    t.equal(await checked.getAttribute('aria-checked'), 'true', 'the menu stays open')
    t.same(await accessibilityFaults(page), [])
    await page.keyboard.press('Escape')
    t.match(await item('Export as Markdown'), /> \*\*Thought for (?:less than )?\d+ s\*\*\n> \n> The \*\*box\*\* is/)
    t.match(JSON.parse(await item('Export as JSON')).conversations[0].turns[1].thoughts, { text: /box/, ms: Number })

    const all = page.locator('#sidebar').getByLabel('Export with thoughts')
    t.ok(await all.isChecked())
    const exportAll = () => downloaded(() => page.getByRole('button', { name: 'Export all as JSON' }).click())
    const whole = await exportAll()
    t.match(whole, /\*\*box/)
    await all.uncheck()
    t.notMatch(await exportAll(), /\*\*box/)

    await page.getByRole('button', { name: 'Settings' }).first().click()
    t.notOk(await page.getByRole('dialog').getByLabel('Export with thoughts').isChecked())
    await page.getByRole('dialog').locator('input[type=file]').setInputFiles({
      name: 'x.json', mimeType: 'application/json', buffer: Buffer.from(whole)
    })
    await page.getByText('Conversations added: 1').waitFor()
    await page.keyboard.press('Escape')
    await page.locator('.sidebar-open').nth(1).waitFor()
    for (const row of [0, 1]) {
      await page.locator('.sidebar-open').nth(row).click()
      t.equal(await title(page.locator('article.answer')).count(), 1, `conversation ${row} has thoughts`)
    }
  })

  await thoughtful.pageTest('on a Chinese phone the switch has room', {
    locale: 'zh-CN', viewport: { width: 360, height: 640 }, hasTouch: true, isMobile: true
  }, async (t, page) => {
    await open(page)
    const choice = page.getByRole('button', { name: '先思考' })
    await choice.tap()
    t.ok((await choice.boundingBox())!.height >= 44)
    const answer = await ask(page, '你好')
    await complete(answer)
    t.match(await title(answer).innerText(), /^思考了/)
    t.ok((await title(answer).boundingBox())!.height >= 44)
    await title(answer).tap()
    await answer.getByRole('button', { name: '复制思考过程' }).waitFor()
    t.equal(await page.evaluate(() => document.scrollingElement!.scrollWidth), 360)
    t.same(await accessibilityFaults(page), [])
  })

  await endless.pageTest('thoughts are folded while they stream, and a stop within them keeps them', {}, async (
    t, page
  ) => {
    await page.clock.install()
    await open(page, ON)
    await choose(page, HEART.file)
    const answer = await ask(page, 'Think')
    await page.locator('[data-stage=thinking]').waitFor({ state: 'attached' })
    t.match(await title(answer).innerText(), /^Thinking \d+ s$/)
    t.notMatch(await answer.innerText(), 'A thought.')
    await page.clock.fastForward(12_000)
    await answer.getByText(/^Thinking (?:1[2-9]|[2-9]\d) s$/).waitFor()
    t.match(await answer.locator('.thoughts').ariaSnapshot(), /Thinking(?! \d)/, 'its name is without the seconds')
    t.equal(await answer.locator('.thoughts').getAttribute('aria-live'), 'off')
    t.same(await accessibilityFaults(page), [])

    await title(answer).press('Enter')
    const before = (await text(answer).innerText()).length
    await page.waitForFunction(
      before => (document.querySelector<HTMLElement>('.thoughts-text')?.innerText.length ?? 0) > before, before
    )
    t.same(await accessibilityFaults(page), [])
    await page.getByRole('button', { name: 'Stop' }).click()
    t.match(await complete(answer), /^Thought for (?:1[2-9]|[2-9]\d) s[^]*A thought\.[^]*Stopped before the answer$/)
    t.equal(await answer.getByRole('button', { name: 'Copy', exact: true }).count(), 0, 'there is no answer to copy')
    await endless.service.quiet()

    await page.reload()
    await page.locator('.sidebar-open').click()
    t.match(await answer.innerText(), /^Thought for (?:1[2-9]|[2-9]\d) s\s+Stopped before the answer$/)
  })

  await endless.pageTest('opening and folding thoughts does not move the page away from them', {
    viewport: { width: 500, height: 400 }
  }, async (t, page) => {
    await open(page, { thinking: { isOn: true, tokens: 1_000 } })
    const answer = await ask(page, 'Think')
    t.match(await complete(answer), ANSWER)
    const top = async () => (await title(answer).boundingBox())!.y
    const before = await top()
    await title(answer).click()
    const newest = page.getByRole('button', { name: 'Go to the newest' })
    await newest.waitFor()
    t.equal(await top(), before)
    await title(answer).click()

    await choice(page).click()
    for (let i = 0; i < 3; i++) await complete(await ask(page, 'Hi'))
    await title(answer).click()
    await page.locator('.conversation-scroll').hover()
    await page.mouse.wheel(0, 600)
    await page.waitForFunction(() => document.querySelector('.conversation-scroll')!.scrollTop > 600)
    await title(answer).click()
    await text(answer).waitFor({ state: 'detached' })
    await page.waitForFunction(() => {
      const area = document.querySelector('.conversation-scroll')!.getBoundingClientRect()
      const { top, bottom } = document.querySelector('.thoughts-title')!.getBoundingClientRect()
      return top >= area.top && bottom <= area.bottom
    })
  })

  await endless.pageTest('a reader of growing thoughts is not scrolled', {
    viewport: { width: 500, height: 400 }
  }, async (t, page) => {
    await open(page, ON)
    const answer = await ask(page, 'Think')
    await title(answer).click()
    const area = page.locator('.conversation-scroll')
    const height = async () => await area.evaluate(element => element.scrollHeight)
    const grown = async (by: number) => await page.waitForFunction(
      least => document.querySelector('.conversation-scroll')!.scrollHeight > least, await height() + by
    )
    await page.waitForFunction(() => document.querySelector('.conversation-scroll')!.scrollHeight > 900)
    await area.hover()
    await page.mouse.wheel(0, -300)
    await page.getByRole('button', { name: 'Go to the newest' }).waitFor()
    const top = await area.evaluate(element => element.scrollTop)
    await grown(100)
    t.equal(await area.evaluate(element => element.scrollTop), top)
    await page.getByRole('button', { name: 'Go to the newest' }).click()
    await grown(50)
    // A new line may be measured before the page has followed it.
    await page.waitForFunction(() => {
      const { scrollHeight, clientHeight, scrollTop } = document.querySelector('.conversation-scroll')!
      return scrollHeight - clientHeight - scrollTop < 48
    })
    t.pass('the page follows the thoughts again')
    await page.getByRole('button', { name: 'Stop' }).click()
    await endless.service.quiet()
  })

  await endless.pageTest('another tab shows that the model thinks', {}, async (t, page) => {
    await open(page, ON)
    const other = await page.context().newPage()
    await open(other)
    const answer = await ask(page, 'Think')
    await other.locator('.sidebar-open').click()
    const there = other.locator('article.answer')
    await there.getByText(/^Thinking$/).waitFor()
    await title(there).click()
    t.match(await text(there).innerText(), 'A thought.')
    await page.getByRole('button', { name: 'Stop' }).click()
    await complete(answer)
    await there.getByText('Stopped before the answer').waitFor()
    t.equal(await title(there).innerText(), await title(answer).innerText())
    await endless.service.quiet()
  })

  await endless.pageTest('thoughts are kept when the model dies within them', {}, async (t, page) => {
    await open(page, ON)
    const answer = await ask(page, 'Think')
    await page.locator('[data-stage=thinking]').waitFor({ state: 'attached' })
    process.kill(endless.engine.info().pid!, 'SIGKILL')
    t.match(await complete(answer), /^Thought for /)
    t.ok(await answer.getByRole('alert').isVisible())
    await title(answer).click()
    t.match(await text(answer).innerText(), /^A/)
  })

  const always = await startPage(t, env, await startScripted('qwen3-vl-thinking', SCRIPTS))
  await always.pageTest('a model that always thinks has no switch', {}, async (t, page) => {
    const sent = await watchForms(page)
    await open(page)
    await page.getByText('Thinks first').waitFor()
    t.equal(await choice(page).count(), 0)
    const answer = await ask(page, 'Hi')
    t.match(await complete(answer), ANSWER)
    t.match(await title(answer).innerText(), /^Thought for /)
    t.same(await sent(), [[['message', 'Hi']]])
    t.same(await accessibilityFaults(page), [])
    t.ok(await question(page).isVisible())
  })
}
