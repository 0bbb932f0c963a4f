import t from 'tap'
import { drawShape, startService } from '../helper.ts'
import { connectRaw, formBody, formHead } from '../raw-client.ts'

t.test('a file that is too large is refused as soon as it is, not at its end', async t => {
  const service = await startService(t, { MAX_FILE_SIZE_MB: '0.1' })
  const picture = await drawShape('circle', 'red', 'white')
  const body = formBody('Hi', [picture, Buffer.alloc(1_000_000)])
  // Whether its limit is met in the piece that its head comes with, or later.
  for (const piece of [400_000, 5000]) {
    const client = await connectRaw(service.port)
    client.send(formHead('/api/chat', body.length))
    for (let sent = 0; sent < 400_000; sent += piece) {
      client.send(body.subarray(sent, sent + piece))
      await new Promise(resolve => setTimeout(resolve, 1))
    }
    const answer = await client.until(/"code":"[A-Z_]+"/)
    t.match(answer, /^HTTP\/1\.1 413 [^]*images\[1\] \(\\"1\.png\\"\) is larger than 0\.1 MB[^]*"code":"FILE_TOO_LARGE"/)
    await service.quiet()
    client.socket.destroy()
  }
})
