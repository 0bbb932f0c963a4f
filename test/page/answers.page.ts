import type { Locator, Page } from 'playwright-core'
import type { Test } from 'tap'
import { accessibilityFaults } from './accessibility.ts'
import { startPage } from './start.ts'
import { ask, complete, open } from './steps.ts'

export default async function (t: Test): Promise<void> {
  const { pageTest } = await startPage(t)

  const MARKDOWN = [
    '# Heading', '',
    'Some **bold** words, `code`, a [link](https://example.org/), a [trap](javascript:alert(1)) and ' +
    '![a beacon](https://example.org/p.png?secret).', '',
    '### Further down', '', '| A | B |', '|---|--:|', '| 1 | 2<br>3 |', '', '- [x] done', '- [ ] open', '',
    '<img src=x onerror="document.title = \'run\'"><script>document.title = \'run\'</script>', '',
    'It costs $5 or $6; $\\frac{a}{b}$ is a formula, $\\frac{a$ is none.', '',
    '```python', `def f(a): return "${'long '.repeat(60)}"`, '```'
  ].join('\n')

  /** Opens the page with a stored conversation that contains this answer. */
  async function openWith (page: Page, text: string): Promise<Locator> {
    await open(page)
    await page.evaluate(async text => {
      const at = Date.now()
      const conversation = {
        id: 'told',
        title: 'Told before',
        createdAt: at,
        updatedAt: at,
        turns: [
          { id: 'q', role: 'user', text: 'Tell me', pictures: [], at },
          {
            id: 'a',
            role: 'assistant',
            text,
            at,
            state: 'done',
            format: { type: 'text' },
            failure: null,
            receipts: [],
            done: null
          }
        ]
      }
      const done = async <T>(request: IDBRequest<T>): Promise<T> => await new Promise((resolve, reject) => {
        request.onsuccess = () => resolve(request.result)
        request.onerror = () => reject(request.error)
      })
      const database = await done(indexedDB.open('sightline'))
      await done(database.transaction('conversations', 'readwrite').objectStore('conversations').put(conversation))
      database.close()
    }, text)
    await page.reload()
    const show = page.getByRole('button', { name: 'Show conversations' })
    const entry = page.getByText('Told before')
    if (!await entry.isVisible() && await show.isVisible()) await show.click()
    await entry.click()
    const answer = page.locator('.markdown')
    await answer.waitFor()
    return answer
  }

  await pageTest('Markdown is rendered; its scripts do not run and its images are not fetched', {}, async (t, page) => {
    const answer = await openWith(page, MARKDOWN)
    await answer.locator('math').waitFor()
    await answer.locator('.hl-keyword').first().waitFor()
    t.same(await answer.locator('h2, h3').allInnerTexts(), ['Heading', 'Further down'])
    t.equal(await answer.locator('img, script').count(), 0)
    t.match(await answer.innerText(), '<img src=x onerror="document.title = \'run\'"><script>')
    t.match(await page.title(), 'Told before')
    t.same(await answer.locator('a').evaluateAll(links => links.map(link =>
      [link.textContent, link.getAttribute('href'), link.getAttribute('target'), link.getAttribute('rel')])), [
      ['link', 'https://example.org/', '_blank', 'noopener noreferrer'],
      ['a beacon', 'https://example.org/p.png?secret', '_blank', 'noopener noreferrer']
    ])
    t.match(await answer.innerText(), 'a trap and')
    t.equal(await answer.locator('math').count(), 1)
    t.equal(await answer.locator('.markdown-formula-source').innerText(), '\\frac{a')
    t.match(await answer.innerText(), 'It costs $5 or $6;')
    t.same(await answer.locator('input[type=checkbox]').evaluateAll(boxes =>
      boxes.map(box => (box as HTMLInputElement).checked)), [true, false])
    t.same(await accessibilityFaults(page), [])
  })

  await pageTest('code can be copied and scrolled with the keyboard at the width of a phone', {
    viewport: { width: 360, height: 740 }
  }, async (t, page) => {
    const answer = await openWith(page, MARKDOWN)
    await answer.locator('.hl-keyword').first().waitFor()
    t.equal(await page.evaluate(() => document.documentElement.scrollWidth), 360)
    const code = answer.getByRole('group', { name: 'Code in python' })
    await code.focus()
    await page.keyboard.press('ArrowRight')
    await page.waitForFunction(element => (element?.scrollLeft ?? 0) > 0, await code.elementHandle())

    // Pages served without TLS have no `navigator.clipboard`.
    await page.evaluate(() => {
      Object.defineProperty(navigator, 'clipboard', { value: undefined })
      document.addEventListener('copy', () => {
        document.body.dataset.copied = document.getSelection()?.toString() ||
        (document.activeElement as HTMLTextAreaElement).value
      })
    })
    await answer.getByRole('button', { name: 'Copy code' }).press('Enter')
    await answer.getByRole('button', { name: 'Copied' }).waitFor()
    t.match(await page.evaluate(() => document.body.dataset.copied), /^def f\(a\): return "long /)
    t.same(await accessibilityFaults(page), [])
  })

  // The schema determines the text of the answer.
  await pageTest('an answer by a preset schema is shown as table, tree and source', {}, async (t, page) => {
    await open(page)
    const picker = page.getByLabel('Kind of answer')
    await picker.selectOption('schema')
    t.equal(await picker.inputValue(), 'text', 'an unconfirmed schema changes nothing')
    const schema = page.getByLabel('JSON schema', { exact: true })
    const use = page.getByRole('button', { name: 'Use schema' })
    await page.getByRole('button', { name: 'A bill' }).click()
    t.match(JSON.parse(await schema.inputValue()), { type: 'object', required: ['seller'] })
    await schema.fill('{"type"')
    await page.getByText('Not valid JSON').waitFor()
    t.ok(await use.isDisabled())
    t.same(await accessibilityFaults(page), [])
    await schema.fill(JSON.stringify({
      const: { shop: 'Tea & Co', items: [{ name: 'Tea', price: 3.5 }, { name: 'Cake', extra: { a: [true, null] } }] }
    }))
    await use.click()
    t.equal(await picker.inputValue(), 'schema')

    const answer = await ask(page, 'Hi')
    await complete(answer)
    t.same(await answer.locator('.json-table').allInnerTexts(), [
      'shop\nTea & Co', 'items\nname\tprice\textra\nTea\t3.5\t\nCake\t\t{"a": [true, null]}'
    ])
    t.same(await accessibilityFaults(page), [])
    await answer.getByRole('radio', { name: 'Table' }).press('ArrowLeft')
    t.match(await answer.locator('.json-tree').innerText(), /shop: "Tea & Co"\s+items: 2 items/)
    await answer.locator('.json-tree summary').first().press('Enter')
    await answer.getByText('Tea & Co').waitFor({ state: 'detached' })
    t.same(await accessibilityFaults(page), [])
    await answer.getByText('Source', { exact: true }).click()
    t.match(JSON.parse(await answer.locator('.code-text').innerText()), { shop: 'Tea & Co' })

    await picker.selectOption('text')
    await page.reload()
    await picker.selectOption('schema')
    t.match(await schema.inputValue(), 'Tea & Co', 'the schema is remembered')
    await page.keyboard.press('Escape')
    await schema.waitFor({ state: 'detached' })
    t.equal(await picker.inputValue(), 'text')
  })

  await pageTest('a large JSON answer is expanded in steps', {}, async (t, page) => {
    const numbers = Array.from({ length: 250 }, (_, i) => i % 10)
    await open(page, { format: { type: 'schema', schema: JSON.stringify({ const: { numbers } }) } })
    const answer = await ask(page, 'Hi')
    await complete(answer)
    t.equal(await answer.locator('.json-tree li').count(), 1)
    await answer.getByText('250 items').click()
    // The `toggle` event fires after the click.
    const entries = answer.locator('.json-tree li li')
    await entries.nth(100).waitFor()
    t.equal(await entries.count(), 101)
    await answer.getByRole('button', { name: 'Show 100 more of 250' }).click()
    await answer.getByRole('button', { name: 'Show 50 more of 250' }).click()
    await entries.nth(249).waitFor()
    t.equal(await entries.count(), 250)
  })
}
