import t from 'tap'
import { CompletionReader } from '../../../../services/engine/upstream/completion.ts'

/** A streamed delta of a tool call. The fields of its `function` are on the same level. */
type Delta = { index?: number, id?: string | null, name?: string, arguments?: string }

/** Returns the name and the arguments of each call that the reader assembles. */
function read (...chunks: Delta[][]): string[] {
  const reader = new CompletionReader()
  for (const deltas of chunks) {
    const calls = deltas.map(({ name, arguments: args, ...rest }) =>
      ({ ...rest, type: 'function', function: { name, arguments: args } }))
    reader.push(JSON.stringify({ choices: [{ index: 0, delta: { tool_calls: calls } }] }))
  }
  return [...reader.calls().matchAll(/\{"name": "(.*)", "arguments": (.*)\}/g)].map(([, name, args]) =>
    `${name} ${args}`)
}

const BOTH = ['look {"at":1}', 'stop {"now":true}']

t.test('calls are assembled from the deltas of different servers', async t => {
  t.same(read(
    [
      { index: 0, id: 'a', name: 'look', arguments: '' }
    ], [{ index: 0, arguments: '{"at"' }], [{ index: 0, arguments: ':1}' }],
    [{ index: 1, id: 'b', name: 'stop', arguments: '' }], [{ index: 1, arguments: '{"now":true}' }]
  ), BOTH, 'as OpenAI streams them')
  t.same(read(
    [{ index: 0, id: 'a', name: 'look' }, { index: 1, id: 'b', name: 'stop' }], [{ index: 1, arguments: '{"now":' }],
    [{ index: 0, arguments: '{"at":1}' }], [{ index: 1, arguments: 'true}' }]
  ), BOTH, 'interleaved')
  t.same(read(
    [{ id: 'a', name: 'look' }], [{ arguments: '{"at"' }], [{ arguments: ':1}' }], [{ id: 'b', name: 'stop' }], [
      { arguments: '{"now":true}' }
    ]
  ), BOTH, 'without an index')
  t.same(read(
    [{ index: 0, id: 'a', name: 'look', arguments: '{"at":1}' }], [
      { index: 0, id: 'b', name: 'stop', arguments: '{"now":true}' }
    ]
  ), BOTH, 'all with the index 0')
  t.same(read(
    [{ index: 0, id: 'a', name: 'look' }], [
      { index: 0, arguments: '{"at":1}' }
    ], [{ index: 0, id: 'b', name: 'stop' }], [{ index: 0, arguments: '{"now":true}' }]
  ), BOTH, 'all with the index 0, in pieces')
  t.same(read(
    [{ index: 0, id: 'a', name: 'look' }], [
      { index: 0, id: 'a', arguments: '{"at"' }
    ], [{ index: 0, id: 'a', arguments: ':1}' }],
    [{ index: 1, id: 'b', name: 'stop' }], [{ index: 1, id: 'b', arguments: '{"now":true}' }]
  ), BOTH, 'with the id in each piece')
  t.same(read(
    [{ name: 'look', arguments: '{"at":1}' }], [{ name: 'stop', arguments: '{"now":true}' }]
  ), BOTH, 'whole, without index and id')
  t.same(read(
    [{ index: 0, name: 'look', arguments: '{"at":1}' }], [{ index: 0, name: 'stop', arguments: '{"now":true}' }]
  ), BOTH, 'whole, with the index 0 and without an id')
  t.same(
    read([{ name: 'look', arguments: '{"at":1}' }, { name: 'stop', arguments: '{"now":true}' }]), BOTH,
    'whole, in one chunk'
  )
  t.same(
    read([{ index: 0, id: null, name: 'look' }], [{ index: 0, id: '', arguments: '{"at":1}' }]), ['look {"at":1}'],
    'null and empty ids'
  )
  t.same(
    read([{ index: 0, name: 'look' }], [{ index: 0, id: 'a', arguments: '{"at":1}' }]), ['look {"at":1}'],
    'an id that arrives late'
  )
  t.same(
    read([{ index: 3, id: 'a', name: 'look', arguments: '{"at":1}' }]), ['look {"at":1}'],
    'an index that does not start at 0'
  )
})

t.test('more than 128 calls are rejected', async t => {
  const calls = (count: number) =>
    Array.from({ length: count }, (_, index) => ({ index, id: `call_${index}`, name: 'look', arguments: '{}' }))
  t.equal(read(calls(128)).length, 128)
  t.throws(() => read(calls(129)), { message: /too many calls/ })
})
