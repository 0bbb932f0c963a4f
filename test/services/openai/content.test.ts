import t from 'tap'
import type { ToolSyntax } from '../../../services/engine/engine.ts'
import { parseCompletionRequest, toCompletionQuestion } from '../../../services/openai/request.ts'
import { refusalOf } from '../refusal.ts'

const SYNTAX: ToolSyntax = { form: 'xml', open: '<call>', close: '</call>' }
const BASE64 = `iVBORw0KGgo${'A'.repeat(121)}`
const URI = `data:image/png;base64,${BASE64}`
const ID = `sha256:${'a'.repeat(64)}`

const read = (more: object) => toCompletionQuestion(parseCompletionRequest({ model: 'tiny', ...more }), SYNTAX)
const ask = (more: object) => read(more).question
/** The images of one user message, as the service fetches or decodes them. */
const imagesOf = (message: object) => read({ messages: [{ role: 'user', ...message }] }).images
const partsOf = (content: unknown) => ask({ messages: [{ role: 'user', content }] }).turns[0]!.parts

t.test('images in the shapes of many clients are found, at the place where they are written', async t => {
  const content = 'messages[0].content[0]'
  const forms: Array<[client: string, message: object, uri: string, field: string]> = [
    ['OpenAI', { content: [{ type: 'image_url', image_url: { url: URI } }] }, URI, `${content}.image_url.url`],
    ['LangChain, Frigate', { content: [{ type: 'image_url', image_url: URI }] }, URI, `${content}.image_url`],
    ['Responses', { content: [{ type: 'input_image', image_url: URI }] }, URI, `${content}.image_url`],
    ['Qwen', { content: [{ type: 'image', image: URI }] }, URI, `${content}.image`],
    ['Qwen, no type', { content: [{ image: URI }] }, URI, `${content}.image`],
    [
      'Qwen, URL', { content: [{ type: 'image', url: 'https://x.example/a.png' }] }, 'https://x.example/a.png',
      `${content}.url`
    ],
    [
      'Anthropic',
      { content: [{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: BASE64 } }] },
      BASE64, `${content}.source.data`
    ],
    [
      'Anthropic, URL', { content: [{ type: 'image', source: { type: 'url', url: 'https://x.example/a.png' } }] },
      'https://x.example/a.png', `${content}.source.url`
    ],
    [
      'MCP', { content: [{ type: 'image', data: BASE64, mimeType: 'image/png' }] }, BASE64,
      `${content}.data`
    ],
    [
      'raw base64', { content: [{ type: 'image_url', image_url: { url: BASE64 } }] }, BASE64,
      `${content}.image_url.url`
    ],
    ['a URI among texts', { content: ['What is this?', URI] }, URI, 'messages[0].content[1]'],
    ['a part alone', { content: { type: 'image_url', image_url: URI } }, URI, 'messages[0].content.image_url'],
    ['Ollama', { content: 'What is this?', images: [BASE64] }, BASE64, 'messages[0].images[0]'],
    ['Ollama, URI', { content: 'What is this?', images: [URI] }, URI, 'messages[0].images[0]'],
    ['Ollama, one', { content: 'What is this?', images: BASE64 }, BASE64, 'messages[0].images'],
    ['images as objects', { content: 'Hi', images: [{ url: URI }] }, URI, 'messages[0].images[0].url'],
    ['an image alone', { images: [URI] }, URI, 'messages[0].images[0]'],
    ['next to the content', { content: 'Hi', image: URI }, URI, 'messages[0].image'],
    ['next to the content', { content: 'Hi', image_url: { url: URI } }, URI, 'messages[0].image_url.url'],
    ['next to the content', { content: 'Hi', image_urls: [URI] }, URI, 'messages[0].image_urls[0]'],
    ['next to the content', { content: 'Hi', image_data: BASE64 }, BASE64, 'messages[0].image_data'],
    [
      'AI SDK 4', { content: 'Hi', experimental_attachments: [{ url: URI, contentType: 'image/png' }] }, URI,
      'messages[0].experimental_attachments[0].url'
    ],
    ['AI SDK 5', { parts: [{ type: 'file', mediaType: 'image/png', url: URI }] }, URI, 'messages[0].parts[0].url'],
    [
      'chat pages', { content: 'Hi', attachments: [{ name: 'a.png', url: URI }] }, URI,
      'messages[0].attachments[0].url'
    ],
    ['the content', { content: URI }, URI, 'messages[0].content'],
    [
      'a URL among texts', { content: ['Hi', 'https://x.example/a.png'] }, 'https://x.example/a.png',
      'messages[0].content[1]'
    ],
    ['with a text', { content: [{ image: URI, text: 'Hi' }] }, URI, `${content}.image`],
    [
      'with a text', { content: [{ type: 'text', text: 'Hi', image_url: { url: URI } }] }, URI,
      `${content}.image_url.url`
    ],
    ['files', { content: [{ type: 'file', file: { file_data: URI } }] }, URI, `${content}.file.file_data`],
    [
      'Responses', { content: [{ type: 'input_file', file_data: URI, filename: 'a.png' }] }, URI,
      `${content}.file_data`
    ],
    ['by hand', { content: [{ type: 'image', image_base64: BASE64 }] }, BASE64, `${content}.image_base64`],
    [
      'LangChain', { content: [{ type: 'image', base64: BASE64, mime_type: 'image/png' }] }, BASE64,
      `${content}.base64`
    ],
    ['LangChain', { content: [{ type: 'media', data: BASE64, mime_type: 'image/png' }] }, BASE64, `${content}.data`],
    [
      'Gemini', { content: [{ inline_data: { mime_type: 'image/png', data: BASE64 } }] }, BASE64,
      `${content}.inline_data.data`
    ],
    [
      'Gemini', { parts: [{ inlineData: { mimeType: 'image/png', data: BASE64 } }] }, BASE64,
      'messages[0].parts[0].inlineData.data'
    ],
    ['Mistral', { content: [{ type: 'imageUrl', imageUrl: URI }] }, URI, `${content}.imageUrl`],
    [
      'base64 in an object', { content: [{ image_url: { b64_json: BASE64 } }] }, BASE64,
      `${content}.image_url.b64_json`
    ],
    ['a source without a type', { content: [{ type: 'image', source: { url: URI } }] }, URI, `${content}.source.url`],
    [
      'Bedrock', { content: [{ image: { format: 'png', source: { bytes: BASE64 } } }] }, BASE64,
      `${content}.image.source.bytes`
    ],
    [
      'Haystack', { content: [{ image: { base64_image: BASE64, detail: null } }] }, BASE64,
      `${content}.image.base64_image`
    ],
    [
      'null for others', { content: [{ type: 'image', image: null, source: { data: null, url: URI } }] }, URI,
      `${content}.source.url`
    ]
  ]
  for (const [client, message, uri, field] of forms) {
    t.strictSame(imagesOf(message), [{ field, uri, remote: true }], client)
  }
  t.strictSame(imagesOf({ content: 'Hi', images: [] }), [])
  t.strictSame(imagesOf({ content: 'Hi', images: null }), [])
})

t.test('texts in the shapes of many clients are read', async t => {
  for (const content of [
    'Hi', ['Hi'], [{ type: 'text', text: 'Hi' }], [{ type: 'input_text', text: 'Hi' }], [{ text: 'Hi' }],
    { type: 'text', text: 'Hi' }, ['H', 'i']
  ]) {
    const { turns } = ask({ messages: [{ role: 'user', content }] })
    const text = turns[0]!.parts.map(part => part.type === 'text' ? part.text : '').join('')
    t.equal(text, 'Hi', JSON.stringify(content))
  }
})

t.test('content that is neither is refused with an example of what is accepted', async t => {
  const parts: Array<[part: { type: string } & Record<string, unknown>, advice: RegExp]> = [
    [{ type: 'input_audio', input_audio: {} }, /sound/],
    [{ type: 'video_url', video_url: { url: URI } }, /video.*frames/],
    [{ type: 'video', video: [URI] }, /video.*frames/],
    [{ type: 'image_file', image_file: { file_id: 'x' } }, /stores no files/],
    [{ type: 'thinking', thinking: 'hm' }, /text or an image/]
  ]
  for (const [part, advice] of parts) {
    const { code, message, details } = refusalOf(() => ask({ messages: [{ role: 'user', content: [part] }] }))
    t.match({ code, details }, { code: 'INVALID_FIELD', details: { field: 'messages[0].content[0].type' } }, part.type)
    t.match(message, advice)
    t.match(message, /"image_url": \{"url": "data:image/, part.type)
  }
})

t.test('files in the shapes of many clients are read', async t => {
  const pdf = 'data:application/pdf;base64,JVBERi0='
  for (const part of [
    { type: 'file', file: { filename: 'a.pdf', file_data: pdf } }, { type: 'input_file', file_data: pdf },
    { type: 'file', data: pdf, mediaType: 'application/pdf' }, { file: { file_data: pdf } },
    { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: pdf } }
  ]) {
    const { images } = read({ messages: [{ role: 'user', content: [part] }] })
    t.same(images.map(({ uri }) => uri), [pdf], JSON.stringify(part))
  }
  for (const part of [{ type: 'document' }, { type: 'file', file: { file_id: 'x' } }]) {
    const { code, message } = refusalOf(() => ask({ messages: [{ role: 'user', content: [part] }] }))
    t.equal(code, 'INVALID_FIELD')
    t.match(message, /send the file as a data URI in "file_data"/)
  }
})

t.test('a part with an image and a text becomes both, in its order', async t => {
  const image = { type: 'upload', file: 0 }
  const text = { type: 'text', text: 'Hi' }
  for (const part of [
    { image: URI, text: 'Hi' }, { type: 'image_url', image_url: { url: URI }, text: 'Hi' },
    { type: 'image', image: URI, text: 'Hi' }
  ]) t.strictSame(partsOf([part]), [image, text], JSON.stringify(part).slice(0, 40))
  t.strictSame(partsOf([{ type: 'text', text: 'Hi', image: URI }]), [text, image])
})

t.test('an id of an earlier image may be a part, and says how it is written', async t => {
  t.strictSame(partsOf([`sightline:${ID}`, 'Hi']), [{ type: 'earlier', id: ID }, { type: 'text', text: 'Hi' }])
  for (const part of [ID, { type: 'image_url', image_url: { url: ID } }]) {
    t.match(refusalOf(() => partsOf([part])).message, /sightline:sha256:/)
  }
})

t.test('detail is obeyed wherever it is written', async t => {
  const low = { type: 'upload', file: 0, maxSide: 512 }
  for (const part of [
    { type: 'image', image: URI, detail: 'low' }, { type: 'image', image: { url: URI, detail: 'low' } },
    { type: 'input_image', image_url: URI, detail: 'low' }, { image: { url: URI }, detail: 'low' }
  ]) t.strictSame(partsOf([part]), [low], JSON.stringify(part))
  for (const detail of ['', 'original', null]) {
    t.strictSame(partsOf([{ type: 'image', image: URI, detail }]), [{ type: 'upload', file: 0 }], `${detail}`)
  }
})

t.test('members of messages that cannot be obeyed are refused by name, and others are ignored', async t => {
  const image = { type: 'image', image: URI }
  const embedded = `![](${URI})`
  const cases: Array<[message: object, place: string, advice: RegExp]> = [
    [{ content: [{ ...image, url: URI }] }, 'content[0].url', /part of its own/],
    [{ content: [{ ...image, max_pixels: 50_000 }] }, 'content[0].max_pixels', /"detail": "low"/],
    [{ content: [{ image_url: { url: URI, min_pixels: 4 } }] }, 'content[0].image_url.min_pixels', /"detail": "low"/],
    [{ content: [{ image: { url: URI, detail: 'lowww' } }] }, 'content[0].image.detail', /auto, low or high/],
    [{ content: [{ type: 'image', image: [URI] }] }, 'content[0].image', /one image as text/],
    [{ content: [{ type: 'image', image: { type: 'Buffer', data: [1, 2] } }] }, 'content[0].image.data', /one image/],
    [{ content: [{ type: 'image', source: { type: 'file', file_id: 'x' } }] }, 'content[0].source.file_id', /no files/],
    [{ content: 'Hi', picture: URI }, 'picture', /parts of "content"/],
    [{ content: 'Hi', photos: ['x'] }, 'photos', /parts of "content"/],
    [{ content: 'Hi', anything: { deep: [URI] } }, 'anything', /parts of "content"/],
    [{ content: [{ type: 'text', text: 'Hi', transcript_text: 'x' }] }, 'content[0].transcript_text', /parts of/],
    [{ content: 'Hi', parts: ['Hi'] }, 'parts', /contradicts "content"/],
    [{ content: 'Hi', prefix: true }, 'prefix', /begins anew/],
    [{ content: 'Hi', partial: true }, 'partial', /begins anew/],
    [{ content: embedded }, 'content', /as a part/],
    [{ content: [embedded] }, 'content[0]', /as a part/],
    [{ content: [{ type: 'text', text: `<img src="${URI}">` }] }, 'content[0].text', /as a part/]
  ]
  for (const [message, place, advice] of cases) {
    const { code, message: sentence, details } = refusalOf(() => imagesOf(message))
    t.strictSame([code, details.field], ['INVALID_FIELD', `messages[0].${place}`])
    t.match(sentence, advice)
  }
  const plain = ask({ messages: [{ role: 'user', content: 'Hi' }] })
  for (const more of [
    { name: 'Ann', created_at: 5, id: 'x' }, { prefix: false, audio: null, attachments: [] },
    { reasoning_content: 'hm', metadata: { a: 'b' } }, { annotations: [], picture: '' }
  ]) t.strictSame(ask({ messages: [{ role: 'user', content: 'Hi', ...more }] }), plain, JSON.stringify(more))
  const small = 'The smallest is data:image/gif;base64,R0lGODlhAQABAAAAACw='
  t.strictSame(partsOf(small), [{ type: 'text', text: small }], 'a talk about data URIs')
})

t.test('earlier calls are read without ids, and in OpenAI\'s first form', async t => {
  const user = { role: 'user', content: 'Hi' }
  const call = (name: string, more = {}) => ({ function: { name, arguments: {} }, ...more })
  const result = (text: string) => [{ type: 'text', text }]
  const callsOf = (...messages: object[]) =>
    ask({ messages: [user, ...messages] }).turns[1]!.calls!.map(({ name, result }) => [name, result])
  const asked = { role: 'assistant', content: '', tool_calls: [call('look'), call('point', { id: '' })] }
  const expected = [['look', result('a')], ['point', result('b')]]
  t.strictSame(callsOf(asked, { role: 'tool', content: 'a' }, { role: 'tool', content: 'b' }), expected, 'by order')
  t.strictSame(callsOf(
    asked, { role: 'tool', tool_name: 'point', content: 'b' }, { role: 'tool', name: 'look', content: 'a' }
  ), expected, 'by name, Ollama')
  t.strictSame(callsOf(
    { role: 'assistant', function_call: { name: 'look', arguments: '{}' } },
    { role: 'function', name: 'look', content: 'a' }
  ), [['look', result('a')]], 'functions')
  for (const other of [{ name: 'fly' }, { tool_call_id: 'x' }]) {
    const { details } = refusalOf(() => callsOf(asked, { role: 'tool', content: 'a', ...other }))
    t.equal(details.field, 'messages[2].tool_call_id')
  }
  const { turns } = ask({ messages: [user, { role: 'assistant', content: null, refusal: 'No.' }] })
  t.strictSame(turns[1], { role: 'assistant', parts: result('No.') }, 'a refusal is a text')
})
