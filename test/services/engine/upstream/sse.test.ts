import t from 'tap'
import { readSse } from '../../../../services/engine/upstream/sse.ts'

async function read (...chunks: Array<string | Uint8Array>): Promise<string[]> {
  async function * bytes () {
    for (const chunk of chunks) yield typeof chunk === 'string' ? Buffer.from(chunk) : chunk
  }
  const all: string[] = []
  for await (const data of readSse(bytes())) all.push(data)
  return all
}

t.test('data is complete with any line breaks and any chunks', async t => {
  t.same(await read('data: a\n\ndata:b\n\n'), ['a', 'b'])
  t.same(await read('data: a\r\n\r\ndata: b\r\n\r\n'), ['a', 'b'])
  t.same(await read('data: a\r', '\n\r', '\ndata: b\r\n\r\n'), ['a', 'b'])
  t.same(await read('data: a\r\rdata: b\r\r.'), ['a', 'b'])
  t.same(await read('da', 'ta: ', 'a', '\n', '\n'), ['a'])
  const bytes = Buffer.from('data: 红🔴\n\n')
  t.same(await read(...[...bytes].map(byte => Buffer.of(byte))), ['红🔴'])
})

t.test('several lines form one event; other fields and an incomplete event are ignored', async t => {
  t.same(await read('data: {\ndata:  "a": 1}\n\n'), ['{\n "a": 1}'])
  t.same(await read(': ping\n\nevent: token\nid: 7\nretry: 1\ndata: a\n\n\n\n'), ['a'])
  t.same(await read('data: a\n\ndata: b\n'), ['a'])
  t.same(await read(), [])
})

t.test('an event without an end is rejected above the limit', async t => {
  const megabyte = 'x'.repeat(1024 * 1024)
  await t.rejects(read('data: ', ...Array<string>(6).fill(megabyte)), { message: 'an event is too large' })
  await t.rejects(read(...Array<string>(6).fill(`data: ${megabyte}\n`)), { message: 'an event is too large' })
})
