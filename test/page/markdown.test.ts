import type { Token, Tokens } from 'marked'
import t from 'tap'
import { decodeEntities } from '../../web/src/text/entities.ts'
import type { FormulaToken } from '../../web/src/text/formula-rules.ts'
import { safeAddress } from '../../web/src/text/links.ts'
import { createSplitter, headingLevels } from '../../web/src/text/markdown.ts'

/** A short description of the rendered answer: `paragraph(a strong(b))`. */
function outline (text: string, { isRunning = false } = {}): string {
  return createSplitter()(text, isRunning).map(({ token }) => sketch(token)).join(' ')
}

function running (text: string): string {
  return outline(text, { isRunning: true })
}

function sketch (token: Token | FormulaToken): string {
  if (token.type === 'formula') {
    const { tex, isDisplay, isOpen } = token as FormulaToken
    return `${isOpen ? 'open-' : ''}${isDisplay ? 'display' : 'inline'}<${tex}>`
  }
  if (token.type === 'list') {
    return `list(${(token as Tokens.List).items.map(({ tokens }) => `item(${all(tokens)})`).join(' ')})`
  }
  if (token.type === 'table') {
    const { header, rows } = token as Tokens.Table
    return `table(${[header, ...rows].map(row => row.map(({ tokens }) => all(tokens)).join('|')).join(' / ')})`
  }
  if ('tokens' in token && token.tokens !== undefined) {
    return token.type === 'text' ? all(token.tokens) : `${token.type}(${all(token.tokens)})`
  }
  if (token.type === 'text') return (token as Tokens.Text).text
  if (token.type === 'code' || token.type === 'codespan') return `${token.type}<${(token as Tokens.Code).text}>`
  return token.type
}

function all (tokens: readonly Token[]): string {
  return tokens.map(sketch).join('')
}

t.test('incomplete Markdown at the end of a growing answer looks complete', async t => {
  for (const [text, shown] of [
    ['a **bold', 'paragraph(a strong(bold))'],
    ['a **bold*', 'paragraph(a strong(bold))'],
    ['a **', 'paragraph(a)'],
    ['*a **b', 'paragraph(em(a strong(b)))'],
    ['***both', 'paragraph(em(strong(both)))'],
    ['~~gone', 'paragraph(del(gone))'],
    ['snake_case and _it', 'paragraph(snake_case and em(it))'],
    ['2 * 3', 'paragraph(2 * 3)'],
    ['x `co', 'paragraph(x codespan<co>)'],
    ['x `', 'paragraph(x )'],
    ['**a `b', 'paragraph(strong(a codespan<b>))'],
    ['see [Wiki', 'paragraph(see Wiki)'],
    ['see [Wiki](http', 'paragraph(see Wiki)'],
    ['![alt](htt', 'paragraph(alt)'],
    ['[28, 42', 'paragraph([28, 42)'],
    ['# Title **b', 'heading(Title strong(b))'],
    ['- a\n- **b', 'list(item(a) item(strong(b)))'],
    ['> quote **b', 'blockquote(paragraph(quote strong(b)))'],
    ['```py\na = 1', 'code<a = 1>'],
    ['```py\na = 1\n``', 'code<a = 1>'],
    ['| a | b', 'table(a|b)'],
    ['| a | b |\n|-', 'table(a|b)'],
    ['| a | b |\n|---|---|', 'table(a|b)'],
    ['| a | b |\n|---|---|\n| 1 | **2', 'table(a|b / 1|strong(2))'],
    ['| a | b |\n|---|---|\n| 1 | 2 |\n|', 'table(a|b / 1|2)']
  ] as const) {
    t.equal(running(text), shown, JSON.stringify(text))
  }
})

t.test('a line with only markup does not change the line above it until more text arrives', async t => {
  t.equal(running('Text\n-'), 'paragraph(Text)')
  t.equal(running('Text\n=='), 'paragraph(Text)')
  t.equal(running('- a\n-'), 'list(item(a))')
  t.equal(running('1. a\n2'), 'list(item(a))')
  t.equal(running('``'), '')
  t.equal(outline('Text\n--'), 'heading(Text)', 'a complete answer has the heading')
})

t.test('a complete answer is parsed unchanged', async t => {
  t.equal(outline('a **bold'), 'paragraph(a **bold)')
  t.equal(outline('| a | b'), 'paragraph(| a | b)')
  t.equal(outline('$$x'), 'paragraph($$x)')
})

t.test('earlier blocks keep their keys while an answer grows, and no block is lost', async t => {
  const text = [
    '# A', 'One **two**\nthree', '- a\n- b\n\n  c', '| x |\n|---|\n| 1 |', '```js\nlet a\n\nlet b\n```', '> q',
    '$$\na\n$$', 'End [l][1]', '1. x\n2. y', 'Last.'
  ].join('\n\n')
  const split = createSplitter()
  let before: string[] = []
  for (let end = 1; end <= text.length; end++) {
    const keys = split(text.slice(0, end), true).map(({ key }) => key)
    t.same(keys.slice(0, before.length - 1), before.slice(0, -1).slice(0, keys.length), { diagnostic: false })
    before = keys
  }
  t.same(before, createSplitter()(text, false).map(({ key }) => key))
  t.same(split('Other', true).map(({ key }) => key), ['0 Other'], 'a different text is parsed from its start')
})

t.test('emphasis ends at the punctuation of languages without spaces', async t => {
  t.equal(outline('**重点：**价格**（含税）**为5元'), 'paragraph(strong(重点：)价格strong(（含税）)为5元)')
  t.equal(running('**重点：**价'), 'paragraph(strong(重点：)价)')
  t.equal(outline('**“引用”**后 **a *b* `**` c**d'), 'paragraph(strong(“引用”)后 strong(a em(b) codespan<**> c)d)')
  t.equal(outline('***both*** 2 ** 3 ** 4 **a *b***'), 'paragraph(em(strong(both)) 2 ** 3 ** 4 strong(a em(b)))')
})

t.test('a URL ends at the punctuation of languages without spaces', async t => {
  t.equal(
    outline('见https://example.cn/a?b=1。谢谢（https://example.org）。'),
    'paragraph(见link(https://example.cn/a?b=1)。谢谢（link(https://example.org)）。)'
  )
  t.equal(
    outline('https://example.org/a, and [https://x.cn。](https://y.cn)'),
    'paragraph(link(https://example.org/a), and link(https://x.cn。))'
  )
})

t.test('HTML is text, except a line break', async t => {
  t.equal(
    outline('a <b>b</b><br>c <img src=x onerror=alert(1)>'), 'paragraph(a <b>b</b>brc <img src=x onerror=alert(1)>)'
  )
  t.equal(outline('<div>\n<script>alert(1)</script>\n</div>'), 'paragraph(<div>\n<script>alert(1)</script>\n</div>)')
  t.equal(outline('<!-- no comment -->'), 'paragraph(<!-- no comment -->)')
})

t.test('each formula delimiter is recognized', async t => {
  t.equal(outline('a $x_1$ b'), 'paragraph(a inline<x_1> b)')
  t.equal(outline('a \\(x*y\\) *b*'), 'paragraph(a inline<x*y> em(b))')
  t.equal(outline('$$\na = b\n= c\n$$\nafter'), 'display<a = b\n= c> paragraph(after)')
  t.equal(outline('so\n\\[\nx\n\\]'), 'paragraph(so) display<x>')
  t.equal(outline('a $$x$$ b'), 'paragraph(a display<x> b)')
  t.equal(running('so\n$$\n\\frac{a'), 'paragraph(so) open-display<\\frac{a>')
  t.equal(running('a \\(x + '), 'paragraph(a open-inline<x +>)')
})

t.test('prices and code are not formulas', async t => {
  for (const text of ['$5 and $6', 'US$5, HK$6', 'from $5 to 10$', '$5元和$6', '5$ or 6$', 'a $ b $ c']) {
    t.equal(outline(text), `paragraph(${text})`)
  }
  t.equal(outline('`$x$`'), 'paragraph(codespan<$x$>)')
  t.equal(outline('```\n$x$\n```'), 'code<$x$>')
})

t.test('headings are below those of the page and have no gaps', async t => {
  const levels = (...depths: number[]) => headingLevels(depths.map(depth => ({ type: 'heading', depth, raw: '' })))
  t.same(levels(1, 2, 3, 2), [2, 3, 4, 3])
  t.same(levels(3, 3, 1, 4), [2, 2, 2, 3])
  t.same(levels(1, 2, 3, 4, 5, 6), [2, 3, 4, 5, 6, 6])
})

t.test('only absolute web and mail addresses become links', async t => {
  t.equal(safeAddress('https://example.org/a?b=1'), 'https://example.org/a?b=1')
  t.equal(safeAddress('mailto:a@example.org'), 'mailto:a@example.org')
  for (const href of [
    'javascript:alert(1)', 'JAVASCRIPT:alert(1)', ' java\nscript:alert(1)', 'data:text/html,x', 'file:///etc/passwd',
    '/api/status', 'foo.png', '//example.org', ''
  ]) {
    t.equal(safeAddress(href), null, JSON.stringify(href))
  }
})

t.test('character references are decoded once', async t => {
  t.equal(decodeEntities('&lt;b&gt; &amp;lt; &#65;&#x42; &nbsp;&copy; &unknown; &'), '<b> &lt; AB \u00a0© &unknown; &')
  t.equal(decodeEntities('&#0;&#9999999;'), '\ufffd\ufffd')
  t.equal(decodeEntities('&toString; &constructor;'), '&toString; &constructor;')
})

t.test('endless repetition of a model neither blocks nor breaks the page', async t => {
  for (const piece of ['**a ', '*a **b ', '> ', '- ', '[', '$', '\\(', '|', '`', '<', '_a', '&', '| **a']) {
    for (const isRunning of [true, false]) {
      const start = performance.now()
      const blocks = createSplitter()(piece.repeat(2_000), isRunning)
      t.ok(
        performance.now() - start < 5_000 && deepest(blocks.map(({ token }) => token)) < 100,
        `${JSON.stringify(piece)}, ${isRunning}`
      )
    }
  }
})

function deepest (tokens: readonly Token[]): number {
  return Math.max(0, ...tokens.map(token =>
    1 + deepest(token.type === 'list' ? (token as Tokens.List).items : 'tokens' in token ? token.tokens ?? [] : [])))
}
