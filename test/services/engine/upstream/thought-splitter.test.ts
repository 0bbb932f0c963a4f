import t from 'tap'
import { ThoughtSplitter, type SplitterOptions } from '../../../../services/engine/upstream/thought-splitter.ts'

const EXPECTED: SplitterOptions = { separates: false, expected: true, untagged: true }
const OFF: SplitterOptions = { separates: false, expected: false, untagged: false }
/** The second request after thoughts prevented an answer. */
const AGAIN: SplitterOptions = { separates: false, expected: false, untagged: true }
const SEPARATES: SplitterOptions = { ...EXPECTED, separates: true }

interface Split { thought: string, text: string, pushed: string }

/** Splits a text that arrives in pieces of `size` characters. `pushed` is what was passed on before the end. */
function split (options: SplitterOptions, text: string, size: number): Split {
  const splitter = new ThoughtSplitter(options)
  const all = { thought: '', text: '' }
  for (let at = 0; at < text.length; at += size) {
    const pieces = splitter.push('', text.slice(at, at + size))
    if (all.text !== '' && pieces.thought !== '') throw new Error('Thoughts after text')
    all.thought += pieces.thought
    all.text += pieces.text
  }
  const pushed = `${all.thought}|${all.text}`
  const { thought, text: rest } = splitter.end()
  return { thought: all.thought + thought, text: all.text + rest, pushed }
}

t.test('thoughts in the text are separated, in pieces of any size', async t => {
  const cases: Array<[SplitterOptions, string, string, string]> = [
    [EXPECTED, '<think>\nHm. So <b>.\n</think>\n\nA circle.\n', 'Hm. So <b>.', 'A circle.\n'],
    [EXPECTED, '\n<think>Hm</think>A', 'Hm', 'A'],
    [EXPECTED, 'Hm. </thin\n</think>\n\nA </think> B', 'Hm. </thin', 'A </think> B'],
    [EXPECTED, '<think>\n\n</think>\n\nA circle.', '', 'A circle.'],
    [EXPECTED, '</think>A', '', 'A'],
    [EXPECTED, '<think>a</think><think>b</think>', 'a', '<think>b</think>'],
    [EXPECTED, 'A <think> B', '', 'A <think> B'],
    [EXPECTED, '<thi', '', '<thi'],
    [EXPECTED, '<think>Hm', 'Hm', ''],
    [EXPECTED, '  ', '', '  '],
    [OFF, '<think>\n\n</think>\n\nA circle.', '', 'A circle.'],
    [OFF, '<think>Hm</think>A circle.', 'Hm', 'A circle.'],
    [OFF, '<think> is a tag', '', '<think> is a tag'],
    [OFF, ' A </think> B', '', ' A </think> B'],
    [AGAIN, 'Hm</think>A', 'Hm', 'A'],
    [AGAIN, 'A circle.', '', 'A circle.'],
    [SEPARATES, '<think>Hm</think>A', '', '<think>Hm</think>A'],
    [SEPARATES, ' A', '', ' A']
  ]
  for (const [options, text, thought, answer] of cases) {
    for (let size = 1; size <= text.length; size++) {
      t.match(split(options, text, size), { thought, text: answer }, `${JSON.stringify(text)} by ${size}`)
    }
  }
})

t.test('pieces are passed on as soon as they can be', async t => {
  t.equal(split(EXPECTED, '<think>Hm hm </th', 1).pushed, 'Hm hm|')
  t.equal(split(EXPECTED, '<think>Hm</think>A circle', 1).pushed, 'Hm|A circle')
  t.equal(split(EXPECTED, 'A circle or thoughts', 1).pushed, '|', 'undecided')
  t.equal(split(EXPECTED, 'Hm</think>A', 1).pushed, 'Hm|A')
  t.equal(split(OFF, 'A circle', 1).pushed, '|A circle')
  t.equal(split(OFF, '<thi', 1).pushed, '|')
  t.equal(split(OFF, '<think>Hm', 1).pushed, '|', 'text or thoughts')
  t.equal(split(SEPARATES, '<thi', 1).pushed, '|<thi')
})

t.test('thoughts in a field make tags in the text plain', async t => {
  const splitter = new ThoughtSplitter(EXPECTED)
  t.same(splitter.push('', '\n'), { thought: '', text: '' })
  t.same(splitter.push('\nHm ', ''), { thought: 'Hm', text: '' })
  t.same(splitter.push('hm\n', ''), { thought: ' hm', text: '' })
  t.same(splitter.push('', '\n\n<think>'), { thought: '', text: '<think>' })
  t.same(splitter.push('late', ' A</think>'), { thought: '', text: ' A</think>' })
  t.equal(splitter.foundTags, false)

  const text = new ThoughtSplitter(EXPECTED)
  t.same(text.push('', 'A '), { thought: '', text: '' })
  t.same(text.push('late', ''), { thought: '', text: 'A ' }, 'text came first')
  t.same(text.push('', 'circle'), { thought: '', text: 'circle' })
})

t.test('an abandoned answer consists of thoughts', async t => {
  const untagged = new ThoughtSplitter(EXPECTED)
  untagged.push('', 'Hm hm ')
  t.equal(untagged.undecided && !untagged.open, true)
  t.same(untagged.abandon(), { thought: 'Hm hm', text: '' })
  const tagged = new ThoughtSplitter(OFF)
  tagged.push('', '<think>Hm </thi')
  t.equal(tagged.undecided && tagged.open, true)
  t.same(tagged.abandon(), { thought: 'Hm </thi', text: '' })
})
