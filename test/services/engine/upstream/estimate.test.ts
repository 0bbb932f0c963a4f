import t from 'tap'
import type { Turn } from '../../../../services/engine/engine.ts'
import { estimatePrompt, estimateTokens } from '../../../../services/engine/upstream/estimate.ts'

/** Texts, and their number of tokens in Qwen2's tokenizer. */
const TEXTS: Array<[string, number]> = [
  ['What is in the picture? Describe the images in detail and tell me which of them shows a red car.', 22],
  ['请描述图片中的所有物体、它们的颜色以及它们的位置，并告诉我哪一张图片里有红色的汽车。', 23],
  ['写真には何が写っていますか？すべての物体とその色を説明してください。', 21],
  ['사진에 무엇이 있습니까? 모든 물체와 색상을 설명해 주세요.', 20],
  ['Что изображено на картинке? Опишите, пожалуйста, все предметы и их цвета, а также их положение.', 34],
  ['चित्र में क्या है? कृपया सभी वस्तुओं और उनके रंगों का वर्णन करें।', 59],
  ['በምስሉ ውስጥ ምን አለ? እባክዎ ሁሉንም ነገሮች ይግለጹ።', 47],
  ['∀x∈ℝ: ∃y≥x² ∧ ∑_{i=0}^{n} αᵢ·βⁱ ≠ ∞', 31],
  ['😀🎉👍🏽👨‍👩‍👧‍👦🇩🇪✨❤️'.repeat(5), 95],
  ['1234567890 3.14159 2024-01-01 '.repeat(30), 900],
  ['=====-----+++++*****'.repeat(20), 100]
]

t.test('estimates are at least the number of tokens', async t => {
  for (const [text, tokens] of TEXTS) {
    const estimate = estimateTokens(text)
    t.ok(estimate >= tokens && estimate <= 2.5 * tokens, `${estimate} for ${tokens}: ${text.slice(0, 40)}`)
  }
  t.equal(estimateTokens(''), 0)
})

t.test('counting stops above the limit', async t => {
  const long = 'word '.repeat(1_000_000)
  const tokens = estimateTokens(long, 8192)
  t.ok(tokens > 8192 && tokens < 8200)
  const turns: Turn[] = Array.from({ length: 1000 }, () => ({ role: 'user', parts: [{ type: 'text', text: long }] }))
  t.ok(estimatePrompt(turns, [], 8192) > 8192)
})

t.test('turns, images, tools and calls count', async t => {
  const said: Turn = { role: 'user', parts: [{ type: 'text', text: 'Hi' }] }
  const base = estimatePrompt([said], [], Infinity)
  t.ok(base > 20 && base < 40)
  t.ok(estimatePrompt([said, said], [], Infinity) > base + 5)
  t.equal(
    estimatePrompt([{ ...said, parts: [{ type: 'image', image: 0 }, ...said.parts] }], [], Infinity), base + 2,
    'the two tokens around it'
  )
  const tool = { name: 'mark', parameters: { type: 'object' } }
  t.ok(estimatePrompt([said], [tool], Infinity) > base + 100)
  const called: Turn = {
    role: 'assistant',
    parts: [],
    calls: [
      { name: 'mark', arguments: { a: 1 }, result: [{ type: 'text', text: 'done' }, { type: 'image', image: 0 }] }
    ]
  }
  t.ok(estimatePrompt([said, called], [], Infinity) > base + 30)
})
