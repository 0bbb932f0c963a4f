import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import OpenAI from 'openai'
import type { Test } from 'tap'
import { ask, askJson, askStream, drawShape } from '../helper.ts'
import type { Family } from '../models/families.ts'
import { WITH_THOUGHTS, WITHOUT_THOUGHTS, writeScriptedModel, type Script } from '../models/scripted-model.ts'
import { startFront } from '../services/engine/upstream/front.ts'
import { createThinkingFront, generate, question } from '../services/engine/upstream/generate.ts'
import { startLlamaServer, untilWorking } from './llama-server.ts'

const THOUGHTS = 'The shape is round, so it must be a circle.'
const OBEDIENT: Script[] = [
  { after: WITH_THOUGHTS, say: `${THOUGHTS}\n</think>\n\nA red circle.` }, { after: WITHOUT_THOUGHTS, say: 'Round.' }
]
const ENDLESS: Script[] = [
  { after: WITH_THOUGHTS, say: ' hm', then: 'repeat' }, { after: '</think>', say: ' So be it.' },
  { after: WITHOUT_THOUGHTS, say: 'Round.' }
]
const FRONT = { ENGINE_IMAGE_MULTIPLE: '32' }

/** Starts llama-server with a model that says these texts. */
async function startScriptedServer (
  t: Test, scripts: Script[], { family = 'qwen3.5', args }: { family?: Family, args?: string[] } = {}
) {
  return await startLlamaServer(t, { files: await writeScriptedModel(t.testdir(), { family, scripts }), args })
}

/** Forwards requests to a server, but without budgets of thoughts. */
async function startWithoutBudgets (t: Test, url: string): Promise<string> {
  const forward = async (incoming: IncomingMessage, response: ServerResponse) => {
    const { thinking_budget_tokens: _budget, ...body } =
      incoming.method === 'POST' ? await json(incoming) as Record<string, unknown> : {}
    const outgoing = request(new URL(incoming.url!, url), { method: incoming.method }, answer => {
      response.writeHead(answer.statusCode!, { 'content-type': answer.headers['content-type'] })
      answer.pipe(response)
    })
    response.on('close', () => outgoing.destroy())
    outgoing.on('error', () => response.destroy())
    outgoing.end(incoming.method === 'POST' ? JSON.stringify(body) : undefined)
  }
  const server = createServer(forward)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Tests thoughts before llama-server, with models that say what the test gives. */
export async function testThinking (t: Test): Promise<void> {
  const red = await drawShape('circle', 'red', 'white')
  const llama = await startScriptedServer(t, OBEDIENT)
  const front = await startFront(t, [llama.url], FRONT)
  const message = 'What is in the picture?'

  t.test('thinking is off by default', async t => {
    t.match((await ask(front.url, { message, temperature: '0' }, [red])).body, {
      thoughts: '', response: 'Round.', usage: { thinking_tokens: 0 }
    })
    const { events, text } = await askStream(front.url, { message, temperature: '0' }, [red])
    t.same([text, events.filter(it => it.event === 'thought')], ['Round.', []])
  })

  t.test('thinking is on by request, whole and streamed', async t => {
    const fields = { message, temperature: '0', thinking: 'on' }
    const { body } = await ask(front.url, fields, [red])
    t.match(body, { thoughts: THOUGHTS, response: 'A red circle.' })
    t.ok(body.usage.thinking_tokens > 10 && body.usage.completion_tokens > 2, JSON.stringify(body.usage))
    const { events, text } = await askStream(front.url, fields, [red])
    t.equal(text, 'A red circle.')
    const names = events.map(it => it.event).filter(name => name === 'thought' || name === 'token')
    t.same(names, names.toSorted(), 'thoughts come first')
    t.ok(names.lastIndexOf('thought') > 10, 'thought by thought')
    t.equal(events.filter(it => it.event === 'thought').map(it => it.data.text).join(''), THOUGHTS)
  })

  t.test('/v1/chat/completions', async t => {
    const client = new OpenAI({ baseURL: `${front.url}/v1`, apiKey: 'none', maxRetries: 0 })
    const { choices, usage } = await client.chat.completions.create({
      model: front.engine.info().model,
      temperature: 0,
      reasoning_effort: 'low',
      messages: [{ role: 'user', content: message }]
    })
    t.match(choices[0]!.message, { reasoning_content: THOUGHTS, content: 'A red circle.' })
    t.ok(usage!.completion_tokens_details!.reasoning_tokens! > 10)
  })

  t.test('llama-server keeps the budget itself', async t => {
    const { engine, warnings } = await createThinkingFront(t, [llama.url])
    t.match(await generate(engine, { thinkingTokens: 4, sampling: { temperature: 0 } }), {
      thoughts: 'The shape is', text: 'A red circle.', order: ['thought', 'token', 'done']
    })
    t.same(warnings(), [])
  })

  t.test('a follow-up after thoughts', async t => {
    const history = [{ role: 'user', content: message }, { role: 'assistant', content: 'A red circle.' }]
    t.match((await askJson(front.url, { message: 'Sure?', history, temperature: 0, thinking: 'on' })).body, {
      thoughts: THOUGHTS, response: 'A red circle.'
    })
  })

  t.test('thoughts in the text are separated', async t => {
    const plain = await startScriptedServer(t, OBEDIENT, { args: ['--reasoning-format', 'none'] })
    const { engine, warnings } = await createThinkingFront(t, [plain.url])
    t.match(await generate(engine, { thinkingTokens: 100, sampling: { temperature: 0 } }), {
      thoughts: THOUGHTS, text: 'A red circle.', order: ['thought', 'token', 'done']
    })
    t.match(warnings(), [{ msg: 'upstream sends thoughts as text' }])
    t.match(await generate(engine, { sampling: { temperature: 0 } }), { thoughts: '', text: 'Round.' })
  })

  t.test('thoughts without end', async t => {
    const endless = await startScriptedServer(t, ENDLESS)
    const budgeted = await createThinkingFront(t, [endless.url])
    t.match(await generate(budgeted.engine, { thinkingTokens: 20, sampling: { temperature: 0 } }), {
      text: 'So be it.', order: ['thought', 'token', 'done']
    })
    t.same(budgeted.warnings(), [])

    const free = await createThinkingFront(t, [await startWithoutBudgets(t, endless.url)])
    const { done, ...rest } = await generate(free.engine, { thinkingTokens: 20, sampling: { temperature: 0 } })
    t.match(rest, { text: 'Round.', order: ['thought', 'token', 'done'] }, 'closed and asked again')
    t.match(free.warnings(), [{ msg: 'upstream asked again without thoughts', reason: 'budget' }])
    const { thinkingTokens } = done.usage
    t.ok(thinkingTokens > 20 && thinkingTokens <= 53, `${thinkingTokens} thought tokens`)
    t.ok(done.usage.cachedTokens > 0, `${done.usage.cachedTokens} of ${done.usage.promptTokens} tokens cached`)
    t.ok(await untilWorking(endless.url, 0) < 2000, 'the slot is free')

    const left = new AbortController()
    await t.rejects(async () => {
      const events = free.engine.generate(question({ thinkingTokens: 3000, sampling: { temperature: 0 } }), left.signal)
      for await (const event of events) if (event.type === 'thought') left.abort()
    }, { name: 'AbortError' })
    t.ok(await untilWorking(endless.url, 0) < 2000, 'an abort in thoughts frees the slot')
  })

  t.test('a model that always thinks', async t => {
    const always = await startScriptedServer(t, [OBEDIENT[0]!], { family: 'qwen3-vl-thinking' })
    const { engine, warnings } = await createThinkingFront(t, [always.url])
    for (const thinkingTokens of [0, 0, 100]) {
      t.match(await generate(engine, { thinkingTokens, sampling: { temperature: 0 } }), {
        thoughts: THOUGHTS, text: 'A red circle.', order: ['thought', 'token', 'done']
      })
    }
    t.same(warnings().map(line => line.msg), ['upstream thinks although thinking is off'])
  })
}
