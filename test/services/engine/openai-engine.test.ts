import t from 'tap'
import { ask, askStream, createTestEngine, drawShape, post, createForm, startService } from '../../helper.ts'
import { startFront } from './upstream/front.ts'

const engine = await createTestEngine(t)
const upstream = await startService(t, {}, engine)
const front = await startFront(t, [upstream.url])
const red = await drawShape('circle', 'red', 'white')
const blue = await drawShape('square', 'blue', 'yellow', 300)

/** Without what differs from run to run. */
const plain = ({ request_id: _id, timings: _timings, usage, ...rest }: any) => ({ ...rest, usage: { ...usage, cached_tokens: 0 } })

t.test('an answer is the one that the upstream\'s model gives, word for word, with the same receipts and figures', async t => {
  t.match(front.engine.info(), { state: 'ready', model: engine.info().model, device: 'upstream', pid: null, restarts: 0 })
  for (const [message, images] of [
    ['Hi', []],
    ['What is in the picture?', [red]],
    ['Describe the images.', [red, blue]],
    ['Which picture has a yellow background?', [blue, red, blue]]
  ] as const) {
    const here = await ask(upstream.url, { message, temperature: '0' }, [...images])
    const there = await ask(front.url, { message, temperature: '0' }, [...images])
    t.equal(there.status, 200)
    const [a, b] = [here.body, there.body].map(body => plain({ ...body, images: body.images.map(({ cached: _cached, ...receipt }) => receipt) }))
    t.same(b, a, message)
  }
  await front.quiet()
  await upstream.quiet()
})
