import sharp from 'sharp'
import type { Test } from 'tap'
import { startPage } from './start.ts'
import { ask, choose, complete, HEART, open } from './steps.ts'

export default async function (t: Test): Promise<void> {
  const { pageTest } = await startPage(t)

  /**
   * The image has 120 × 160 pixels and the model sees it at 112 × 168; the box is [30, 40, 90, 120] in the original.
   */
  const BOX = { bbox_2d: [28, 42, 84, 126], label: 'heart' }
  /** The colour of the first label. */
  const INK = [0x01, 0x70, 0xd9]

  // The test compares pixels. The schema determines the answer.
  await pageTest('a box is drawn at its coordinates and linked to the text', {}, async (t, page) => {
    await open(page, { format: { type: 'schema', schema: JSON.stringify({ const: BOX }) } })
    await choose(page, HEART.file)
    const answer = await ask(page, 'Where is the heart?')
    await complete(answer)

    const frame = answer.locator('.answer-boxes-frame')
    await frame.locator('img').evaluate((image: HTMLImageElement) => image.decode())
    await page.mouse.move(0, 0)
    const { data, info } =
      await sharp(await frame.screenshot()).removeAlpha().raw().toBuffer({ resolveWithObject: true })
    const scale = info.width / 120
    t.ok(scale > 1, `it is shown ${info.width} pixels wide`)
    t.ok(Math.abs(info.height / 160 - scale) < 0.02, 'the aspect ratio is kept')
    const isInk = (x: number, y: number) => {
      const at = 3 * (Math.round(y) * info.width + Math.round(x))
      return INK.every((value, i) => Math.abs(data[at + i]! - value) < 40)
    }
    // The middle of each edge except the top, where the label is. The line is two pixels wide.
    const edges = { left: [30, 80], right: [90, 80], bottom: [60, 120] } as const
    for (const [name, [x, y]] of Object.entries(edges)) {
      t.ok(isInk(x * scale - 0.5, y * scale - 0.5), `there is a line on the ${name}`)
      for (const off of [-8, 8]) {
        t.notOk(
          name === 'bottom' ? isInk(x * scale, y * scale + off) : isInk(x * scale + off, y * scale),
        `and none beside it (${name}, ${off})`
        )
      }
    }

    const chip = answer.getByRole('button', { name: 'Show heart in the picture' })
    const shape = frame.locator('.image-mark')
    t.notMatch(await shape.getAttribute('class'), /is-pointed/)
    await chip.hover()
    t.match(await shape.getAttribute('class'), /is-pointed/)
    await page.mouse.move(0, 0)
    const word = answer.locator('mark').first()
    await word.hover()
    t.match(await shape.getAttribute('class'), /is-pointed/, 'the word in the answer points at it too')
  })

  await pageTest('a JSON answer is shown as table, tree and source', {}, async (t, page) => {
    const rows = [{ name: 'heart', count: 1 }, { name: 'star', count: 2 }]
    await open(page, { format: { type: 'schema', schema: JSON.stringify({ const: { rows } }) } })
    const answer = await ask(page, 'Hi')
    await complete(answer)
    await answer.getByText('Table', { exact: true }).click()
    const table = answer.locator('table').first()
    t.match(await table.innerText(), /name\s+count\s+heart\s+1\s+star\s+2/)
    await answer.getByText('Source', { exact: true }).click()
    const source = await answer.locator('pre').innerText()
    t.same(JSON.parse(source), { rows })
    await answer.getByText('Tree', { exact: true }).click()
    t.match(await answer.innerText(), /rows/)
  })
}
