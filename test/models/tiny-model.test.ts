import { readFileSync } from 'node:fs'
import t from 'tap'
import { drawCases } from '../native/cases.ts'
import { askReference, prepareExample } from '../native/reference.ts'
import { FAMILIES, type Family } from './families.ts'
import { writeTinyModel } from './tiny-model.ts'

const COUNT = 16
const LENGTH = 24
const EXAMPLES = ['00.png', '01.jpg', '02.jpg', '03.png', '05.jpg', '06.png']

for (const family of Object.keys(FAMILIES) as Family[]) {
  t.test(`answers of ${family} are chaotic`, async t => {
    const dir = t.testdir()
    const model = await writeTinyModel(dir, { family })
    const images = await Promise.all(EXAMPLES.map((file, index) => prepareExample(dir, index, file, model)))
    for (const { tokens } of images) t.ok(tokens >= model.minTokens && tokens <= model.maxTokens)
    const cases = drawCases({ count: COUNT, images, seed: 3, maxTokens: LENGTH })
    const ask = async (asked = cases, flashAttention = false) => {
      const answers = await askReference(model, asked, { threads: 1, flashAttention })
      return answers.map(({ tokens }) => tokens)
    }

    const answers = await ask()
    t.equal(new Set(answers.map(String)).size, COUNT, 'they depend on the prompt')
    for (const tokens of answers) {
      t.equal(tokens.length, LENGTH, 'they do not end')
      t.ok(new Set(tokens).size > LENGTH / 2, 'they do not repeat')
    }
    const differing = (others: number[][]) => answers.filter((tokens, i) => String(tokens) !== String(others[i])).length

    for (const place of [0, 1]) {
      const others = await ask(cases.map(it => ({
        ...it,
        images: it.images.map((image, index) => index === place ? images[(images.indexOf(image) + 1) % 6]! : image)
      })))
      t.equal(differing(others), cases.filter(({ images }) => images.length > place).length, `and on image ${place}`)
    }

    // Flash attention gives the same scores but for the last bits.
    t.ok(differing(await ask(cases, true)) >= COUNT / 2, 'and on the last bits of a layer')
  })
}

t.test('the same seed gives the same files, and another seed another model', async t => {
  const write = async (dir: string, seed: number) => {
    const { model, mmproj } = await writeTinyModel(dir, { family: 'qwen3.5', seed })
    return [readFileSync(model), readFileSync(mmproj)] as const
  }
  const { a, b } = { a: t.testdir({ a: {}, b: {} }) + '/a', b: t.testdirName + '/b' }
  const [first, again, other] = [await write(a, 1), await write(b, 1), await write(b, 2)]
  for (const file of [0, 1] as const) {
    t.ok(first[file].equals(again[file]))
    t.notOk(first[file].equals(other[file]))
  }
})
