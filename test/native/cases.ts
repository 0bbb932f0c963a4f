import { integers } from '../../tools/lib/random.ts'
import type { ReferenceCase, ReferenceImage } from './reference.ts'

const QUESTIONS = [
  'What is in the picture?', 'Describe the images.', '描述这张图片。', '请描述图片内容。',
  'How many photos did I send?', 'Count the shapes.', 'What is the colour of the background?', '背景颜色是什么？',
  'What is in picture 2?', '图1里的数字是什么？', 'Describe the shape as JSON with the keys shape and color', 'Read it.',
  'Picture\n\n  with   blanks \n', '\nA line first', 'Say <b> and <|x|> and </thinking>, please',
  '🙂 émoji und Ümläute, ½ ℃', 'a'
]
const SYSTEMS = [null, null, 'You are terse.', '你是一个助手。\n\n']

export interface CaseOptions { count: number, images: ReferenceImage[], seed: number, maxTokens: number }

/**
 * Draws prompts with one to four images, one to three turns, questions in two languages, and images before, between
 * and after text. None contains the text of a special token: llama.cpp obeys those that a user types, and the service
 * does not.
 */
export function drawCases ({ count, images, seed, maxTokens }: CaseOptions): ReferenceCase[] {
  const random = integers(seed)
  const pick = <T> (list: T[]): T => list[random(list.length)]!
  return Array.from({ length: count }, (_, index) => {
    const chosen = Array.from({ length: 1 + index % 4 }, () => pick(images))
    const system = pick(SYSTEMS)
    const messages: ReferenceCase['messages'] = system === null ? [] : [{ role: 'system', content: system }]
    const marks = chosen.map(() => '<__media__>')
    if (random(3) === 0) {
      messages.push({ role: 'user', content: `${marks.shift()}${pick(QUESTIONS)}` }, {
        role: 'assistant', content: 'A red circle on a white background.'
      })
    }
    const question = pick(QUESTIONS)
    const content = random(4) === 0
      ? `${marks.map((mark, i) => `Picture ${i + 1}: ${mark}\n`).join('')}${question}`
      : `${marks.join('')}${question}`
    messages.push({ role: 'user', content })
    return { messages, images: chosen, maxTokens }
  })
}
