import t from 'tap'
import { createCallReader, type AskedCall } from '../../../services/openai/tools.ts'

const syntax = { open: '<tool_call>', close: '</tool_call>', begin: '<tool_call>\n{"name": "', separator: '", "arguments": ', end: '}\n</tool_call>' }
const CALL = '<tool_call>\n{"name": "look", "arguments": {"at": "<b>"}}\n</tool_call>'

/** Reads an answer in pieces of some length. */
function read (answer: string, length: number): { text: string, calls: Array<Omit<AskedCall, 'id'>>, pieces: string[] } {
  const reader = createCallReader(syntax, [{ name: 'look' }, { name: 'stop' }])
  const pieces: string[] = []
  const calls: AskedCall[] = []
  const take = (part: { text: string, calls: AskedCall[] }) => {
    pieces.push(part.text)
    calls.push(...part.calls)
  }
  for (let at = 0; at < answer.length; at += length) take(reader.push(answer.slice(at, at + length)))
  take(reader.end())
  return { text: pieces.join(''), calls: calls.map(({ id, ...call }) => call), pieces }
}

t.test('calls are told from text, however the answer is cut', async t => {
  for (const length of [1, 2, 3, 7, 1000]) {
    t.match(read('No call here, a < b.', length), { text: 'No call here, a < b.', calls: [] })
    t.match(read(CALL, length), { text: '', calls: [{ name: 'look', arguments: '{"at":"<b>"}' }] })
    const both = read(`I look. ${CALL}\n${CALL.replace('look', 'stop')}`, length)
    t.equal(both.text.trim(), 'I look.')
    t.same(both.calls.map(call => call.name), ['look', 'stop'])
  }
})

t.test('text is held back only while it may be the beginning of a call', async t => {
  t.same(read('ab<tool', 1).pieces, ['a', 'b', '', '', '', '', '', '<tool'])
  t.same(read('a<b', 1).pieces, ['a', '', '<b', ''])
})

t.test('what is no call is text: of no tool, not JSON, cut off', async t => {
  for (const answer of [CALL.replace('look', 'fly'), '<tool_call>\n{oops}\n</tool_call>', '<tool_call>\n{"name": "look", "argu']) {
    t.same(read(answer, 4), { ...read(answer, 4), text: answer, calls: [] })
    t.equal(read(answer, 4).text, answer)
  }
  t.same(read('<tool_call>\n{"name": "stop"}', 5).calls, [{ name: 'stop', arguments: '{}' }], 'only the closing tag is missing')
})
