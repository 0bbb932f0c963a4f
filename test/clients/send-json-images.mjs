/**
 * Posts a JSON body whose images are random bytes, without holding it in memory, and prints the status and the code of
 * the answer. It is a process of its own, so that it costs the tested process neither time nor memory.
 *
 * node test/clients/send-json-images.mjs <url> <images> <bytes of each>
 */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { request } from 'node:http'

const [url, images, bytes] = process.argv.slice(2)
const PIECE = 48 * 1024
// Pieces of whole groups of three bytes make base64 without padding.
const piece = randomBytes(PIECE).toString('base64')

const outgoing = request(url, { method: 'POST', headers: { 'content-type': 'application/json' } })
const answered = once(outgoing, 'response')
const state = { isAnswered: false }
answered.then(() => { state.isAnswered = true })

const send = async text => {
  if (!outgoing.write(text) && !state.isAnswered) await Promise.race([once(outgoing, 'drain'), answered])
}

await send('{"message":"Hi","images":[')
for (let image = 0; image < Number(images); image++) {
  await send(image === 0 ? '"data:image/jpeg;base64,' : ',"data:image/jpeg;base64,')
  for (let sent = 0; sent < Number(bytes) && !state.isAnswered; sent += PIECE) await send(piece)
  await send('"')
}
outgoing.end(']}')
const [response] = await answered
let text = ''
for await (const chunk of response.setEncoding('utf8')) text += chunk
console.log(JSON.stringify({ status: response.statusCode, code: JSON.parse(text).code }))
