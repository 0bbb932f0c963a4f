import t from 'tap'
import { drawShape } from '../../helper.ts'
import { complete, failure } from './client.ts'

const red = await drawShape('circle', 'red', 'white')
const base64 = red.toString('base64')
const uri = `data:image/png;base64,${base64}`

t.test('the model sees the image of a message in the shapes of other clients', async t => {
  const question = 'Describe the image.'
  const messages: Array<[client: string, message: object]> = [
    ['next to the content', { content: question, image: uri }],
    ['AI SDK 4', { content: question, experimental_attachments: [{ url: uri, contentType: 'image/png' }] }],
    ['Gemini', { parts: [{ inline_data: { mime_type: 'image/png', data: base64 } }, { text: question }] }],
    ['with the text', { content: [{ image: uri, text: question }] }],
    ['a file', { content: [{ type: 'file', file: { file_data: uri } }, question] }]
  ]
  for (const [client, message] of messages) {
    const answer = await complete([{ role: 'user', ...message }] as never)
    t.match(answer.choices[0]!.message.content, /red circle/, client)
    t.match(answer, { sightline: { images: [{ format: 'png' }] } }, client)
  }
})

t.test('an expired image names the messages, and an image in a text its place', async t => {
  const id = `sightline:sha256:${'0'.repeat(64)}`
  t.match(await failure(complete([{ role: 'user', content: [id, 'Hi'] }] as never)), {
    status: 410, code: 'IMAGE_EXPIRED', param: 'messages'
  })
  t.match(await failure(complete([{ role: 'user', content: `![](${uri})` }])), {
    status: 400, code: 'INVALID_FIELD', param: 'messages[0].content'
  })
})
