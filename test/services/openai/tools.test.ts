import t from 'tap'
import type { JsonToolSyntax } from '../../../services/engine/engine.ts'
import { createCallReader, type AskedCall } from '../../../services/openai/tools.ts'

const syntax: JsonToolSyntax = {
  form: 'json',
  open: '<tool_call>',
  close: '</tool_call>',
  begin: '<tool_call>\n{"name": "',
  separator: '", "arguments": ',
  end: '}\n</tool_call>'
}
const CALL = '<tool_call>\n{"name": "look", "arguments": {"at": "<b>"}}\n</tool_call>'

/** Reads an answer in pieces of some length. */
function read (
  answer: string, length: number, { singleCall = false, cut = false } = {}
): { text: string, calls: Array<Omit<AskedCall, 'id'>>, pieces: string[] } {
  const reader = createCallReader(syntax, [{ name: 'look' }, { name: 'stop' }], singleCall)
  const pieces: string[] = []
  const calls: AskedCall[] = []
  const take = (part: { text: string, calls: AskedCall[] }) => {
    pieces.push(part.text)
    calls.push(...part.calls)
  }
  for (let at = 0; at < answer.length; at += length) take(reader.push(answer.slice(at, at + length)))
  take(reader.end(cut))
  return { text: pieces.join(''), calls: calls.map(({ id, ...call }) => call), pieces }
}

t.test('calls are separated from text, in any pieces', async t => {
  for (const length of [1, 2, 3, 7, 1000]) {
    t.match(read('No call here, a < b.', length), { text: 'No call here, a < b.', calls: [] })
    t.match(read(CALL, length), { text: '', calls: [{ name: 'look', arguments: '{"at":"<b>"}' }] })
    const both = read(`I look. ${CALL}\n${CALL.replace('look', 'stop')}`, length)
    t.equal(both.text, 'I look.')
    t.same(both.calls.map(call => call.name), ['look', 'stop'])
  }
})

t.test('white space around calls is dropped, in any pieces', async t => {
  const STOP = CALL.replace('look', 'stop')
  const cases: Array<[answer: string, text: string]> = [
    [`${CALL}\n${STOP}`, ''],
    [`\n\n${CALL}\n\n${STOP}\n`, ''],
    [`I look.\n${CALL}\n`, 'I look.'],
    [` I look.\n${CALL} Then\n${STOP}\n I stop.  `, ' I look.\n Then\n\n I stop.'],
    [`${CALL}\n\nDone.`, 'Done.'],
    ['  words \n alone \n', '  words \n alone \n'],
    [' \n', ' \n']
  ]
  for (const [answer, text] of cases) {
    for (let length = 1; length <= answer.length; length++) {
      t.equal(
        read(answer, length).text, text, `${JSON.stringify(answer)} in pieces of ${length}`
      )
    }
  }
})

t.test('where calls must not be parallel, the answer ends after its first call', async t => {
  const answer = `I look.\n${CALL}\n${CALL.replace('look', 'stop')}\nDone.`
  for (const length of [1, 5, 1000]) {
    const { text, calls } = read(answer, length, { singleCall: true })
    t.equal(text, 'I look.')
    t.same(calls.map(call => call.name), ['look'])
  }
  t.same(read('No call.', 3, { singleCall: true }), read('No call.', 3))
})

t.test('text is held back only while it may be the beginning of a call', async t => {
  t.same(read('ab<tool', 1).pieces, ['a', 'b', '', '', '', '', '', '<tool'])
  t.same(read('a<b', 1).pieces, ['a', '', '<b', ''])
  t.same(read('a b', 1).pieces, ['a', '', ' b', ''], 'a blank waits for the next word')
})

t.test('a call of an unknown tool, without JSON or without its end is text', async t => {
  for (const answer of [
    CALL.replace('look', 'fly'), '<tool_call>\n{oops}\n</tool_call>', '<tool_call>\n{"name": "look", "argu'
  ]) {
    t.same(read(answer, 4), { ...read(answer, 4), text: answer, calls: [] })
    t.equal(read(answer, 4).text, answer)
  }
  t.same(
    read('<tool_call>\n{"name": "stop"}', 5).calls, [{ name: 'stop', arguments: '{}' }],
    'only the closing tag is missing'
  )
})

t.test('an answer that is cut contains no part of a call', async t => {
  const answer = `I look.\n\n${CALL}`
  const complete = answer.length - '\n</tool_call>'.length
  for (let end = 0; end <= answer.length; end++) {
    const { text, calls } = read(answer.slice(0, end), 3, { cut: true })
    t.equal(text, end < 10 ? answer.slice(0, end) : 'I look.', `${end} characters`)
    t.equal(calls.length, end < complete ? 0 : 1, `${end} characters`)
  }
  t.equal(read(CALL.replace('look', 'fly'), 3, { cut: true }).text, CALL.replace('look', 'fly'), 'an unknown tool')
})
