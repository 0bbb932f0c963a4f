import t, { type Test } from 'tap'
import type { Tool, XmlToolSyntax } from '../../../services/engine/engine.ts'
import { createCallReader, type AskedCall } from '../../../services/openai/tools.ts'

const SYNTAX: XmlToolSyntax = { form: 'xml', open: '<tool_call>', close: '</tool_call>' }
const TOOLS: Tool[] = [
  {
    name: 'look',
    parameters: {
      type: 'object', properties: { at: { type: 'string' }, times: { type: 'integer' }, deep: { type: 'object' } }
    }
  },
  { name: 'stop' }
]

/** Returns a call as Qwen3.5's template renders it. */
function callOf (name: string, args: Record<string, string>): string {
  const parameters = Object.entries(args).map(([key, text]) => `<parameter=${key}>\n${text}\n</parameter>\n`)
  return `<tool_call>\n<function=${name}>\n${parameters.join('')}</function>\n</tool_call>`
}

interface Read { text: string, calls: Array<{ name: string, arguments: unknown }>, pieces: string[] }

/** Reads an answer in pieces of some length. */
function read (answer: string, length: number, { singleCall = false, cut = false } = {}): Read {
  const reader = createCallReader(SYNTAX, TOOLS, singleCall)
  const pieces: string[] = []
  const calls: AskedCall[] = []
  const take = (part: { text: string, calls: AskedCall[] }) => {
    pieces.push(part.text)
    calls.push(...part.calls)
  }
  for (let at = 0; at < answer.length; at += length) take(reader.push(answer.slice(at, at + length)))
  take(reader.end(cut))
  return {
    text: pieces.join(''),
    calls: calls.map(call => ({ name: call.name, arguments: JSON.parse(call.arguments) })),
    pieces
  }
}

/** Reads an answer in pieces of every length, and expects the same result each time. */
function readAll (t: Test, answer: string, options: Parameters<typeof read>[2] = {}): Omit<Read, 'pieces'> {
  const { text, calls } = read(answer, answer.length, options)
  for (let length = 1; length < answer.length; length++) {
    const other = read(answer, length, options)
    t.strictSame([other.text, other.calls], [text, calls], `${JSON.stringify(answer)} in pieces of ${length}`)
  }
  return { text, calls }
}

const LOOK = callOf('look', { at: 'left', times: '2', deep: '{"list": [1, "a"], "more": {"x": null}}' })
const LOOKED = { name: 'look', arguments: { at: 'left', times: 2, deep: { list: [1, 'a'], more: { x: null } } } }

t.test('one call and several calls are read, in any pieces', async t => {
  t.strictSame(readAll(t, LOOK), { text: '', calls: [LOOKED] })
  t.strictSame(readAll(t, callOf('stop', {})), { text: '', calls: [{ name: 'stop', arguments: {} }] })
  t.strictSame(readAll(t, `I look.\n\n${LOOK}\n${callOf('stop', {})}`), {
    text: 'I look.', calls: [LOOKED, { name: 'stop', arguments: {} }]
  })
  t.strictSame(readAll(t, `${LOOK}\n\nDone, a < b.`), { text: 'Done, a < b.', calls: [LOOKED] })
  t.strictSame(readAll(t, `${LOOK}<b>${LOOK}`), { text: '<b>', calls: [LOOKED, LOOKED] })
  const [call] = createCallReader(SYNTAX, TOOLS).push(LOOK).calls
  t.match(call!.id, /^call_[0-9a-f]{32}$/)
})

t.test('white space around tags is free, and a block may contain several calls', async t => {
  const answers = [
    '<tool_call><function=look><parameter=at>left</parameter></function></tool_call>',
    '<tool_call>\n\n <function= look >\n\n<parameter=at >\nleft\n</parameter>\n\n\n</function>\n\n</tool_call>',
    '\n<tool_call>\r\n<function=look>\r\n<parameter=at>\nleft\n</parameter>\r\n</function>\r\n</tool_call>\n'
  ]
  for (const answer of answers) {
    t.strictSame(readAll(t, answer), { text: '', calls: [{ name: 'look', arguments: { at: 'left' } }] })
  }
  const inner = callOf('look', { at: 'left' }).slice('<tool_call>\n'.length, -'\n</tool_call>'.length)
  const { calls } = readAll(t, `<tool_call>\n${inner}\n${inner.replace('left', 'right')}\n</tool_call>`)
  t.strictSame(calls.map(call => call.arguments), [{ at: 'left' }, { at: 'right' }])
})

t.test('a text in a parameter is exact: its line breaks, blanks and tags', async t => {
  const texts = [
    '', ' ', '\n', '\n\nA\n\n', '  a\n\tb  ', '{"at": 1}', '5', 'null', 'True', '"quoted"', '图片 🙂 \\n',
    'a </parameter> b', '<parameter=at>', '</function>', '<tool_call>\n', '</tool_call>', '</parameter>', '<',
    callOf('look', { at: 'x' }).replace('</parameter>\n</function>', '</parameter> \n </functio>')
  ]
  for (const text of texts) {
    t.strictSame(readAll(t, callOf('look', { at: text, times: '1' })), {
      text: '', calls: [{ name: 'look', arguments: { at: text, times: 1 } }]
    })
  }
})

t.test('the first end of a parameter counts that another tag follows', async t => {
  const { text, calls } = readAll(t, callOf('look', { at: 'a</parameter>\n</function>\n</tool_call> b' }))
  t.strictSame(calls, [{ name: 'look', arguments: { at: 'a' } }])
  t.equal(text, 'b\n</parameter>\n</function>\n</tool_call>')
})

t.test('the last call of an answer may lack its closing tags', async t => {
  for (const end of ['\n</tool_call>', '\n</function>\n</tool_call>']) {
    t.strictSame(readAll(t, LOOK.slice(0, -end.length)), { text: '', calls: [LOOKED] })
    t.strictSame(readAll(t, callOf('stop', {}).slice(0, -end.length + 1)).calls.map(call => call.name), ['stop'])
  }
  t.strictSame(readAll(t, `${LOOK.slice(0, -'\n</tool_call>'.length)}\n${LOOK}`), {
    text: '', calls: [LOOKED, LOOKED]
  }, 'also if another call follows')
})

t.test('a text that is no call stays text', async t => {
  const texts = [
    callOf('fly', { at: 'left' }), callOf('fly', { at: callOf('stop', {}).replaceAll('\n', ' ') }),
    '<tool_call>', '<tool_call>\n', 'a <tool_call> b', '<tool_call>\nlook\n</tool_call>',
    '<tool_call>\n{"name": "look", "arguments": {}}\n</tool_call>', '<tool_call>\n<function=look',
    '<tool_call>\n<function=look>\n<parameter=at>\nleft', '<tool_call>\n<function=look>\n<parameter=at>\nleft\n</para',
    '<tool_call>\n<function=look>\nleft\n</function>\n</tool_call>', '<tool_call>\n<function=\nlook>\n</function>',
    '<function=look>\n<parameter=at>\nleft\n</parameter>\n</function>', 'a <tool', '<function=', '</tool_call>'
  ]
  for (const text of texts) t.strictSame(readAll(t, text), { text, calls: [] })
})

t.test('text is held back only while it may be a call', async t => {
  t.strictSame(read('<tool_call>\n<b> a', 1).pieces.slice(0, 14), [...Array(13).fill(''), '<tool_call>\n<b'])
  t.equal(read(`${LOOK}\nDone`, 1).pieces.join('|').replace(/\|+/g, '|'), '|D|o|n|e|')
})

t.test('where calls must not be parallel, the answer ends after its first call', async t => {
  t.strictSame(readAll(t, `I look.\n${LOOK}\n${LOOK}\nDone.`, { singleCall: true }), {
    text: 'I look.', calls: [LOOKED]
  })
  t.strictSame(readAll(t, `${callOf('fly', {})}\n${LOOK}`, { singleCall: true }), {
    text: callOf('fly', {}), calls: [LOOKED]
  })
})

t.test('an answer that is cut contains no part of a call', async t => {
  const answer = `I look.\n\n${LOOK}\n${LOOK}`
  const first = answer.indexOf('</function>') + '</function>'.length
  const second = answer.lastIndexOf('</function>') + '</function>'.length
  for (let end = 10; end <= answer.length; end++) {
    for (const length of [1, 5, end]) {
      const { text, calls } = read(answer.slice(0, end), length, { cut: true })
      t.equal(text, 'I look.', `${end} characters in pieces of ${length}`)
      t.equal(calls.length, end < first ? 0 : end < second ? 1 : 2, `${end} characters in pieces of ${length}`)
    }
  }
  const block = LOOK.replace('\n</tool_call>', '\n<function=stop>\n</function>')
  t.strictSame(readAll(t, block.slice(0, -5), { cut: true }), { text: '', calls: [LOOKED] }, 'a second call of a block')
  t.equal(readAll(t, callOf('fly', {}), { cut: true }).text, callOf('fly', {}), 'an unknown tool')
  t.equal(readAll(t, 'a < b', { cut: true }).text, 'a < b')
})
