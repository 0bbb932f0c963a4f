import t from 'tap'
import { compact, markedPaths, pretty, readJson, sizeOf, tablesOf } from '../../web/src/model/json-view.ts'
import { schemaFault } from '../../web/src/model/schema-fault.ts'
import type { CodePiece } from '../../web/src/text/code-piece.ts'
import { highlight } from '../../web/src/text/highlighter.ts'
import { grammarOf } from '../../web/src/text/languages.ts'
import { createMarker } from '../../web/src/text/marks.ts'

t.test('labels are found as whole words, in any case, the longest first', async t => {
  const mark = createMarker([
    { key: '0', label: 'car' }, { key: '1', label: 'Red car' }, { key: '2', label: 'heart' },
    { key: '3', label: 'heart' }
  ])
  t.same(mark?.('A red  car, a CAR, a scar; cars. Heart!'), [
    'A ', { keys: ['1'], text: 'red  car' }, ', a ', { keys: ['0'], text: 'CAR' }, ', a scar; cars. ', {
      keys: ['2', '3'], text: 'Heart'
    }, '!'
  ])
  t.same(mark?.('nothing'), ['nothing'])
})

t.test('labels in scripts without spaces match within a sentence; special characters match literally', async t => {
  t.same(createMarker([{ key: '0', label: '爱心' }])?.('一颗爱心。'), ['一颗', { keys: ['0'], text: '爱心' }, '。'])
  t.same(createMarker([{ key: '0', label: 'C++ (old)' }])?.('in C++ (old) code'), [
    'in ', { keys: ['0'], text: 'C++ (old)' }, ' code'
  ])
  t.same(createMarker([{ key: '0', label: 'a-b' }])?.('a-b.c'), [{ keys: ['0'], text: 'a-b' }, '.c'])
})

t.test('labels of one character are ignored', async t => {
  t.equal(createMarker([{ key: '0', label: 'a' }, { key: '1', label: ' ' }]), null)
  t.equal(createMarker([]), null)
})

t.test('lists of objects become tables, after a table of the other properties', async t => {
  t.same(tablesOf([{ a: 1 }, { b: [2] }]), [
    { name: null, columns: ['a', 'b'], rows: [{ path: '/0', value: { a: 1 } }, { path: '/1', value: { b: [2] } }] }
  ])
  const tables = tablesOf({ total: 3, items: [{ a: 1 }], 'x/y': [{ b: 2 }] })
  t.same(tables.map(({ name, columns, rows }) => [name, columns, rows.map(({ path }) => path)]), [
    [null, ['total'], ['']], ['items', ['a'], ['/items/0']], ['x/y', ['b'], ['/x~1y/0']]
  ])
  for (const value of [null, 1, 'a', {}, [], [1, 2], [{ a: 1 }, 2], { a: { b: [{}] } }, { a: [] }]) {
    t.same(tablesOf(value), [], JSON.stringify(value))
  }
})

t.test('names in an answer are matched to boxes in order', async t => {
  const marks = [{ key: '0', label: 'heart' }, { key: '1', label: 'heart' }, { key: '2', label: 'car' }]
  const paths = markedPaths([{ label: 'heart' }, { label: 'car' }, { label: 'heart' }, { label: 'heart' }], marks)
  t.same([...paths], [['/0/label', '0'], ['/1/label', '2'], ['/2/label', '1']])
})

t.test('formatted JSON keeps short values on one line and has the same content', async t => {
  const value = {
    box: [1, 2, 3, 4],
    items: [{ a: 'x', list: ['y', { z: null }] }],
    empty: [],
    text: 'a\n"b"',
    long: Array.from({ length: 20 }, (_, i) => i)
  }
  const text = pretty(value)
  t.same(JSON.parse(text), value)
  t.match(text, '  "box": [1, 2, 3, 4],\n  "items": [\n    {\n      "a": "x",\n')
  t.equal(compact({ a: [1, { b: 'c' }] }), '{"a": [1, {"b": "c"}]}')
  t.equal(pretty('x'), '"x"')
})

t.test('incomplete JSON is not read', async t => {
  t.same(readJson('{"a": 1}'), { value: { a: 1 } })
  t.same(readJson('null'), { value: null })
  t.equal(readJson('{"a": '), null)
})

t.test('values are counted up to a limit', async t => {
  t.equal(sizeOf({ a: [1, 2], b: null }, 100), 5)
  t.equal(sizeOf(Array.from({ length: 1_000 }, () => [1]), 100), 100)
})

t.test('a schema must be a JSON object', async t => {
  t.equal(schemaFault('{"type": "object"}'), null)
  t.match(schemaFault('{"type"'), { key: 'json.schemaInvalid', values: { reason: /JSON/ } })
  for (const text of ['[]', 'null', 'true', '"a"']) t.same(schemaFault(text), { key: 'json.schemaNoObject' })
})

t.test('highlighted code contains every character of the code', async t => {
  const text = (pieces: readonly CodePiece[]): string =>
    pieces.map(piece => typeof piece === 'string' ? piece : text(piece.content)).join('')
  const code = `${[
    '#!/bin/sh',
    'def f(a: int) -> str:',
    '  return "x<y>&amp;" # c',
    '<p class="a">{"b": [1, true]}<script>let x = `a`</script><style>a{b:c}</style></p>',
    '/* d */ SELECT * FROM t; - k: v',
    '```js',
    '1',
    '```'
  ].join('\n')}\n`
  for (const language of [
    'json', 'js', 'TS', 'py', 'sh', 'html', 'css', 'sql', 'yml', 'md', 'c', 'c++', 'java', 'golang', 'rs'
  ]) {
    const grammar = grammarOf(language)
    if (grammar === null) return t.fail(`${language} is not known`)
    const pieces = highlight(code, grammar)
    t.equal(text(pieces), code, language)
    t.ok(pieces.some(piece => typeof piece !== 'string'), `${language} has colours`)
  }
  t.equal(grammarOf('brainfuck'), null)
  t.equal(grammarOf(''), null)
})
