import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { HumanMessage } from '@langchain/core/messages'
import { ChatOpenAI } from '@langchain/openai'
import axios, { AxiosError } from 'axios'
import compression from 'compression'
import express from 'express'
import FormData from 'form-data'
import OpenAI from 'openai'
import t, { type Test } from 'tap'
import { FormData as UndiciForm, request as undiciRequest } from 'undici'
import { createTestEngine, createToolsEngine, drawShape, EXAMPLES, startService } from '../helper.ts'

// Packages with which people call this service, as they are used in their own documentation.

const engine = await createTestEngine(t)
const { model } = engine.info()
const service = await startService(t, {}, engine)
const red = await drawShape('circle', 'red', 'white')
const blue = await drawShape('square', 'blue', 'yellow')
const uri = `data:image/png;base64,${red.toString('base64')}`
const RED = 'A red circle on a white background.'
const QUESTION = 'What is in the picture?'

function langChain (url: string, model: string): ChatOpenAI {
  return new ChatOpenAI({
    model, apiKey: 'none', temperature: 0, maxRetries: 0, configuration: { baseURL: `${url}/v1` }
  })
}

t.test('LangChain answers, streams, calls tools and returns objects', async t => {
  const chat = langChain(service.url, model)
  // The shape of OpenAI, and LangChain's own.
  for (const content of [
    [{ type: 'image_url', image_url: { url: uri } }, { type: 'text', text: QUESTION }],
    [{ type: 'image', mimeType: 'image/png', data: red.toString('base64') }, { type: 'text', text: QUESTION }]
  ]) {
    t.equal((await chat.invoke([new HumanMessage({ content })])).content, RED)
  }
  const question = new HumanMessage({
    content: [{ type: 'image_url', image_url: { url: uri } }, { type: 'text', text: QUESTION }]
  })
  const pieces: string[] = []
  for await (const { content } of await chat.stream([question])) pieces.push(content as string)
  t.equal(pieces.join(''), RED)
  t.ok(pieces.length > 3)

  const schema = {
    title: 'picture',
    type: 'object',
    properties: { colour: { type: 'string', enum: ['red', 'green'] } },
    required: ['colour'],
    additionalProperties: false
  }
  const structured = await chat.withStructuredOutput(schema, { method: 'jsonSchema' }).invoke([question])
  t.ok(['red', 'green'].includes(structured.colour), JSON.stringify(structured))

  const withTools = await createToolsEngine(t)
  const { url } = await startService(t, {}, withTools)
  const called = await langChain(url, withTools.info().model)
    .withStructuredOutput(schema, { method: 'functionCalling' }).invoke([question])
  t.ok(['red', 'green'].includes(called.colour), JSON.stringify(called))
})

t.test('axios sends forms and JSON, and receives the body of a refusal', async t => {
  for (const images of [
    [red, blue], ['00.png', '02.jpg'].map(name => createReadStream(path.join(EXAMPLES, name)))
  ]) {
    const { data } = await axios.postForm(`${service.url}/api/chat`, { message: 'Describe the images.', images })
    t.equal(data.images.length, 2, 'fields named images[]')
  }
  const { data: json } = await axios.post(`${service.url}/api/chat`, { message: QUESTION, images: [uri], seed: null })
  t.equal(json.response, RED)
  const error = await axios.postForm(`${service.url}/api/chat`, { message: 'Hi', image: red })
    .then(() => null, error => error)
  t.ok(error instanceof AxiosError)
  t.match(error?.response, { status: 400, data: { code: 'UNKNOWN_FIELD', error: /images/ } })
})

t.test('form-data sends buffers and streams', async t => {
  const form = new FormData()
  form.append('message', QUESTION)
  form.append('images', red, { filename: 'red.png' })
  const { data } = await axios.post(`${service.url}/api/chat`, form, { headers: form.getHeaders() })
  t.equal(data.response, RED)

  // Without a length, as `pipe` sends it.
  const piped = new FormData()
  piped.append('message', QUESTION)
  piped.append('images', red, { filename: 'red.png', contentType: 'image/png' })
  const sent = httpRequest(`${service.url}/api/chat`, { method: 'POST', headers: piped.getHeaders() })
  piped.pipe(sent)
  const [response] = await once(sent, 'response')
  let text = ''
  for await (const chunk of response) text += chunk
  t.equal(JSON.parse(text).response, RED)
})

t.test('undici sends a form', async t => {
  const form = new UndiciForm()
  form.append('message', QUESTION)
  form.append('images', new Blob([new Uint8Array(red)], { type: 'image/png' }), 'red.png')
  const { statusCode, body } = await undiciRequest(`${service.url}/api/chat`, { method: 'POST', body: form })
  t.equal(statusCode, 200)
  t.equal((await body.json() as { response: string }).response, RED)
})

t.test('tokens pass an express proxy that compresses', async t => {
  const url = await startCompressingProxy(t)
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0 })
  const stream = await client.chat.completions.create({
    model,
    stream: true,
    max_tokens: 400,
    messages: [{ role: 'user', content: 'Hi' }],
    response_format: {
      type: 'json_schema', json_schema: { name: 'x', schema: { type: 'string', minLength: 300, maxLength: 300 } }
    }
  })
  let tokens = 0
  for await (const chunk of stream) {
    if (!chunk.choices[0]?.delta.content || ++tokens < 3) continue
    t.equal(service.app.slots.stats().taken, 1, 'the answer is still running')
    break
  }
  t.equal(tokens, 3)
  await service.quiet()
})

/** A proxy that compresses every answer which it may transform. */
async function startCompressingProxy (t: Test): Promise<string> {
  const proxy = express()
  proxy.use(compression({ threshold: 0 }))
  proxy.use((req, res) => {
    const passed = httpRequest(
      new URL(req.originalUrl, service.url), { method: req.method, headers: req.headers },
      answer => {
        res.writeHead(answer.statusCode!, answer.headers)
        answer.pipe(res)
      })
    res.on('close', () => passed.destroy())
    req.pipe(passed)
  })
  const server = proxy.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
